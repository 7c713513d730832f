select tailnum, min(carrier) as carrier, count(*) as flights
from legs
where not is_registered
group by tailnum
