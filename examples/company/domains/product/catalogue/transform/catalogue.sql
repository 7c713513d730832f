select
    article_id,
    name,
    -- Some who type categories do it in capitals.
    lower(category) as category,
    list_price_eur,
    launched_on
from articles
