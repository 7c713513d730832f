select
    tailnum,
    year as year_built,
    type,
    -- One maker, one name. The builder of an amateur-built aircraft is a private person, so only known companies are named.
    case
        when manufacturer like 'AIRBUS%' then 'Airbus'
        when manufacturer like 'MCDONNELL DOUGLAS%' or manufacturer = 'DOUGLAS' then 'McDonnell Douglas'
        when manufacturer = 'BOEING' then 'Boeing'
        when
            manufacturer like 'BOMBARDIER%' or manufacturer like 'CANADAIR%' or manufacturer like 'LEARJET%'
            then 'Bombardier'
        when manufacturer = 'EMBRAER' then 'Embraer'
        when manufacturer = 'CESSNA' then 'Cessna'
        when manufacturer in (
            'PIPER', 'BEECH', 'BELL', 'SIKORSKY', 'DEHAVILLAND', 'GULFSTREAM AEROSPACE', 'AGUSTA SPA',
            'AVIAT AIRCRAFT INC', 'CIRRUS DESIGN CORP', 'ROBINSON HELICOPTER CO', 'AVIONS MARCEL DASSAULT',
            'AMERICAN AIRCRAFT INC'
        ) then 'Other maker'
        else 'Amateur-built'
    end as manufacturer,
    model,
    engines,
    seats,
    engine
from register
