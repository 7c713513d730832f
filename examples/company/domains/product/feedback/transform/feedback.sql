select
    reviews.feedback_id,
    reviews.order_id,
    reviews.customer_id,
    reviews.article_id,
    reviews.rating,
    reviews.text,
    reviews.submitted_at,
    countries.region
from reviews
left join countries on countries.country = reviews.country
