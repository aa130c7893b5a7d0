select transaction_id, account_id, merchant_id, category_id, booked_on, amount, status, recorded_at
from {{ source('finance', 'transaction') }}
