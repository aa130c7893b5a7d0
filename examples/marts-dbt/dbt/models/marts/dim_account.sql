select account_id, user_id, account_name, account_kind, loaded_version
from {{ ref('stg_account') }}, {{ ref('stg_load_state') }}
order by account_id
