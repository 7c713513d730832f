"""Scores what customers write by a small lexicon: good words less bad words, of all that it knows."""

import pyarrow as pa
import pyarrow.compute as pc

GOOD = (
    "amazing", "best", "bright", "comfortable", "easy", "excellent", "fast", "friendly", "good", "great", "happy", "helpful",
    "love", "perfect", "perfectly", "pleased", "quiet", "recommend", "reliable", "useful",
)  # fmt: skip
BAD = (
    "annoying", "awful", "bad", "broke", "broken", "crashing", "difficult", "disappointed", "faulty", "noisy", "poor", "refund",
    "return", "slow", "stopped", "terrible", "unreliable", "useless", "worst", "wrong",
)  # fmt: skip
KEPT = ("feedback_id", "article_id", "customer_id", "region", "submitted_at", "rating")


def sentiment(inputs):
    """The feedback batch by batch, so that no number of texts fills the memory."""
    for batch in inputs.feedback.batches():
        good, bad = count(batch["text"], GOOD), count(batch["text"], BAD)
        known = pc.add(good, bad)
        # Of no words there is no share: the score stays empty.
        known = pc.if_else(pc.greater(known, 0.0), known, pa.scalar(None, pa.float64()))
        score = pc.divide(pc.subtract(good, bad), known)
        columns = {name: batch[name] for name in KEPT}
        yield pa.table({**columns, "score": pc.round(score, 3), "label": label(score)})


def count(texts, words):
    """How many of *words* each text has, in capitals or not; none where there is no text."""
    found = pc.count_substring_regex(texts, rf"\b({'|'.join(words)})\b", ignore_case=True)
    return pc.fill_null(pc.cast(found, pa.float64()), 0.0)


def label(score):
    named = pc.if_else(pc.greater(score, 0.0), "positive", pc.if_else(pc.less(score, 0.0), "negative", "neutral"))
    return pc.fill_null(named, "unknown")
