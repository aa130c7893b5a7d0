with movements as (
  select account_id, booked_on as day, sum(amount) as movement
  from {{ ref('fct_transaction') }}
  where status = 'booked'
  group by all
)

select
  user_id,
  account_id,
  day,
  opening_balance + sum(movement) over (partition by account_id order by day) as balance,
  loaded_version
from movements
join {{ ref('stg_account') }} using (account_id)
cross join {{ ref('stg_load_state') }}
order by user_id, account_id, day
