select budget_id, user_id, category_id, amount, valid_from
from {{ source('finance', 'budget') }}
