select category_id, category, category_kind, loaded_version
from {{ ref('stg_category') }}, {{ ref('stg_load_state') }}
order by category_id
