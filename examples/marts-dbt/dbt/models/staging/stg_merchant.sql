select merchant_id, name as merchant, category_id
from {{ source('finance', 'merchant') }}
