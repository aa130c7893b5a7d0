-- Where this mart is there already, as with `lockkeeper publish --base active`, only its last day and what came after it are read from the app;
-- days before are kept as they are, for nothing is booked on a day that is over. The words of categories and the version are always today's.
{% set before = load_relation(this) if execute else none %}

with booked as (
  select user_id, booked_on as day, category_id, -amount as spent
  from {{ ref('stg_transaction') }}
  join {{ ref('stg_account') }} using (account_id)
  where status = 'booked' and amount < 0
  {% if before is not none %}
    and booked_on >= (select coalesce(max(day), date '0001-01-01') from {{ this }})
  {% endif %}
),

spend as (
  select user_id, day, category_id, sum(spent) as spent, count(*) as transactions
  from booked
  group by all
  {% if before is not none %}
  union all
  select user_id, day, category_id, spent, transactions
  from {{ this }}
  where day < (select max(day) from {{ this }})
  {% endif %}
)

select user_id, day, category_id, category, spent, transactions, loaded_version
from spend
join {{ ref('stg_category') }} using (category_id)
cross join {{ ref('stg_load_state') }}
order by user_id, day, category_id
