with spent as (
  select user_id, date_trunc('month', day)::date as month, category_id, sum(spent) as spent
  from {{ ref('fct_daily_spend') }}
  group by all
)

select
  user_id,
  month,
  category_id,
  category,
  budget.amount as budget,
  spent,
  budget.amount - spent as remaining,
  spent > budget.amount as exceeded,
  loaded_version
from spent
join {{ ref('stg_budget') }} as budget using (user_id, category_id)
join {{ ref('stg_category') }} using (category_id)
cross join {{ ref('stg_load_state') }}
where month >= date_trunc('month', valid_from)
order by user_id, month, category_id
