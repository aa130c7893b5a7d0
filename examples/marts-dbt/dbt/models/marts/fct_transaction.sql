-- A folder for each month. `overwrite`: with the active release as its base, the folders are there already.
{{ config(options={'partition_by': 'booked_month', 'overwrite': true}) }}

select
  transaction_id,
  user_id,
  account_id,
  merchant_id,
  category,
  booked_on,
  amount,
  status,
  recorded_at,
  loaded_version,
  strftime(booked_on, '%Y-%m') as booked_month
from {{ ref('stg_transaction') }}
join {{ ref('stg_account') }} using (account_id)
join {{ ref('stg_category') }} using (category_id)
cross join {{ ref('stg_load_state') }}
order by booked_on, transaction_id
