select version as loaded_version, loaded_through
from {{ source('finance', 'load_state') }}
