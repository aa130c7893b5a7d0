select merchant_id, merchant, category_id, category, loaded_version
from {{ ref('stg_merchant') }}
left join {{ ref('stg_category') }} using (category_id)
cross join {{ ref('stg_load_state') }}
order by merchant_id
