select account_id, user_id, name as account_name, kind as account_kind, opening_balance
from {{ source('finance', 'account') }}
