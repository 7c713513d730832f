"""The port of type `files`: the model as JSON, its metrics and its model card, written below `inputs.folder`."""

import json
from pathlib import Path

from sklearn.metrics import brier_score_loss, roc_auc_score

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
    scored = inputs.scored.to_polars().sort("flight_id")
    happened, predicted = scored["was_late"].to_numpy(), scored["late_probability"].to_numpy()
    base_rate = float(happened.mean())
    metrics = {
        "flights": scored.height,
        "features": weights.height - 1,
        "base_rate": round(base_rate, 4),
        "mean_prediction": round(float(predicted.mean()), 4),
        "roc_auc": round(float(roc_auc_score(happened, predicted)), 4),
        "brier_score": round(float(brier_score_loss(happened, predicted)), 4),
        "brier_score_of_base_rate": round(base_rate * (1 - base_rate), 4),
    }
    document = {"kind": "logistic regression", "target": "is_late", "weights": weights.to_dicts()}
    folder = Path(inputs.folder)
    (folder / "model.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    (folder / "model_card.md").write_text(CARD.format(**metrics), encoding="utf-8")
