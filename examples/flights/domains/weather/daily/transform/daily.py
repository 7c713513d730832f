"""The day's weather per airport, with polars: inputs are Arrow tables, and so is what is returned."""

import polars as pl

ROUGH_GUST_MPH = 40
ROUGH_RAIN_INCHES = 1.0
LOW_VISIBILITY_MILES = 3
LOW_VISIBILITY_HOURS = 6


def daily(inputs):
    hours = inputs.hourly.to_polars()
    days = (
        hours.sort("origin", "observed_at")
        .group_by("origin", pl.col("local_hour").dt.date().alias("day"), maintain_order=True)
        .agg(
            pl.len().cast(pl.Int32).alias("hours_observed"),
            pl.col("temp").min().alias("temp_min"),
            pl.col("temp").max().alias("temp_max"),
            pl.col("temp").mean().round(2).alias("temp_mean"),
            pl.col("precip").sum().round(2).alias("precip_total"),
            pl.col("wind_speed").max().round(1).alias("wind_max"),
            pl.col("wind_gust").max().round(1).alias("gust_max"),
            (pl.col("visib") < LOW_VISIBILITY_MILES).sum().cast(pl.Int32).alias("hours_of_low_visibility"),
        )
    )
    return days.with_columns(
        (
            (pl.col("gust_max").fill_null(0) >= ROUGH_GUST_MPH)
            | (pl.col("precip_total") >= ROUGH_RAIN_INCHES)
            | (pl.col("hours_of_low_visibility") >= LOW_VISIBILITY_HOURS)
        ).alias("is_rough")
    ).sort("origin", "day")
