select user_id, email, display_name, country, joined_on, loaded_version
from {{ ref('stg_user') }}, {{ ref('stg_load_state') }}
order by user_id
