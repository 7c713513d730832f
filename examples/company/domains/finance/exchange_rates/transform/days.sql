-- Every day of the two years, whether a rate was published or not.
select cast(unnest(generate_series(timestamp '2024-01-01', timestamp '2025-12-31', interval 1 day)) as date) as day
