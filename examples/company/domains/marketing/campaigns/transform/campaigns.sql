select campaign_id, name, region, channel, status, starts_on, ends_on, budget_eur from plan
