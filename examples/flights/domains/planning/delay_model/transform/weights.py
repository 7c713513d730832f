"""An intermediate step: trains the model and returns its weights as a table, one row per feature.

A logistic regression is a table of weights, so it is kept as one: SQL scores it, everybody can read it, and nobody has
to run foreign code to open it, as they would with a pickle.
"""

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

CATEGORIES = ("carrier", "origin", "local_hour", "weekday")
NUMBERS = ("log_distance", "departures_in_hour", "temp", "wind", "log_precip", "visib")


def weights(inputs):
    # A fixed order of rows and one thread: sums, and so the weights, come out equal at every build.
    seen = inputs.features.to_polars().filter(pl.col("is_training")).sort("flight_id")
    rows = [(name, level, 0.0, 1.0) for name in CATEGORIES for level in sorted(seen[name].unique())]
    rows += [(name, "", seen[name].mean(), seen[name].std()) for name in NUMBERS]
    model = LogisticRegression(C=1.0, solver="newton-cholesky", random_state=7)
    with threadpool_limits(1):
        model.fit(design(seen, rows), seen["is_late"].to_numpy())
    rows.append(("intercept", "", 0.0, 1.0))
    learned = [*model.coef_[0], model.intercept_[0]]
    return pl.DataFrame(
        [(*row, round(float(weight), 6)) for row, weight in zip(rows, learned, strict=True)],
        schema={
            "feature": pl.String,
            "level": pl.String,
            "mean": pl.Float64,
            "spread": pl.Float64,
            "weight": pl.Float64,
        },
        orient="row",
    )


def design(flights, rows):
    """One column per weight: 1 or 0 for a level of a category, the scaled value for a number (0 when it is missing)."""
    columns = [
        flights[name] == level if level else ((flights[name] - mean) / spread).fill_null(0)
        for name, level, mean, spread in rows
    ]
    return np.column_stack([column.to_numpy().astype(np.float32) for column in columns])
