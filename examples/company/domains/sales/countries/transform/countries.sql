select country, name, region, currency from list
