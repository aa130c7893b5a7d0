select
  user_id,
  date_trunc('month', booked_on)::date as month,
  coalesce(sum(amount) filter (where amount > 0), 0) as income,
  coalesce(-sum(amount) filter (where amount < 0), 0) as spent,
  sum(amount) as net,
  any_value(loaded_version) as loaded_version
from {{ ref('fct_transaction') }}
where status = 'booked'
group by all
order by user_id, month
