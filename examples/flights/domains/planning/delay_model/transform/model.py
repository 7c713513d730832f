"""The port of type `files`: the model as JSON, its metrics and its model card, written below `inputs.folder`."""

import json
from pathlib import Path

import polars as pl

CARD = """# Model card: late departures from New York

**What it does.** Gives the probability that a flight is cancelled or leaves at least 15 minutes late.
**Kind.** Logistic regression on {features} features: airline, airport, hour, weekday, distance, traffic and weather.
**Trained on** January to September 2013, **measured on** the {flights:,} flights of October to December.

| measure | value | reads as |
|---|---|---|
| ROC AUC | {roc_auc:.3f} | 0.5 is a coin, 1 is an oracle |
| Brier score | {brier_score:.4f} | mean squared error of the probability; smaller is better |
| Brier score of always saying {base_rate:.0%} | {brier_score_of_base_rate:.4f} | what the model has to beat |
| mean prediction | {mean_prediction:.1%} | {base_rate:.1%} were late |

**Do not use it** to judge airlines or airports: a weight says what goes together, not what causes what. The weather is the
one that was observed, so real forecasts will do a little worse.
"""


def model(inputs):
    weights = inputs.weights.to_polars().sort("feature", "level")
    unseen = inputs.features.to_polars().filter(~pl.col("is_training")).sort("flight_id")
    happened, predicted = unseen["is_late"].cast(pl.Float64), probabilities(weights, unseen)
    base_rate = happened.mean()
    metrics = {
        "flights": unseen.height,
        "features": weights.height - 1,
        "base_rate": round(base_rate, 4),
        "mean_prediction": round(predicted.mean(), 4),
        "roc_auc": round(area_under_curve(happened, predicted), 4),
        "brier_score": round(((predicted - happened) ** 2).mean(), 4),
        "brier_score_of_base_rate": round(base_rate * (1 - base_rate), 4),
    }
    document = {"kind": "logistic regression", "target": "is_late", "weights": weights.to_dicts()}
    folder = Path(inputs.folder)
    (folder / "model.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    (folder / "model_card.md").write_text(CARD.format(**metrics), encoding="utf-8")


def probabilities(weights, flights):
    """What predictions.sql computes, from the table of weights alone: the sum of weights through the logistic function."""
    log_odds = pl.repeat(0.0, flights.height, eager=True)
    for row in weights.iter_rows(named=True):
        match row["feature"], row["level"]:
            case "intercept", _:
                part = pl.repeat(1.0, flights.height, eager=True)
            case feature, "":
                part = ((flights[feature] - row["mean"]) / row["spread"]).fill_null(0)
            case feature, level:
                part = (flights[feature] == level).cast(pl.Float64)
        log_odds += part * row["weight"]
    return 1 / (1 + (-log_odds).exp())


def area_under_curve(happened, predicted):
    """How often a late flight got a higher probability than one that was not (Mann and Whitney; ties count half)."""
    late = happened.sum()
    ranks_of_late = (predicted.rank("average") * happened).sum()
    return (ranks_of_late - late * (late + 1) / 2) / (late * (happened.len() - late))
