select
    carrier,
    name,
    -- What a traveller calls it: "Delta Air Lines Inc." is Delta Air Lines.
    regexp_replace(name, ' (Inc\.|Co\.|Corporation)$', '') as short_name
from codes
