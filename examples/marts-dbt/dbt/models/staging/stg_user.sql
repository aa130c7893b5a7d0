select user_id, email, display_name, country, joined_on
from {{ source('finance', 'app_user') }}
