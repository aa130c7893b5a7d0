select category_id, name as category, kind as category_kind
from {{ source('finance', 'category') }}
