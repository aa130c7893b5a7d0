-- What came in and went out, month by month, is what was booked in all.
with flow as (select sum(net) as net from {{ ref('fct_monthly_cash_flow') }}),
booked as (select sum(amount) as net from {{ ref('stg_transaction') }} where status = 'booked')

select flow.net as flow, booked.net as booked
from flow, booked
where flow.net is distinct from booked.net
