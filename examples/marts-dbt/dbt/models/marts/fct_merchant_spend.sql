select
  user_id,
  merchant_id,
  merchant,
  -sum(amount) as spent,
  count(*) as transactions,
  max(booked_on) as last_day,
  any_value(spending.loaded_version) as loaded_version
from {{ ref('fct_transaction') }} as spending
join {{ ref('dim_merchant') }} using (merchant_id)
where status = 'booked' and amount < 0
group by all
order by user_id, merchant_id
