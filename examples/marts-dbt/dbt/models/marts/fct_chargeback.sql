-- Nobody has ever charged anything back: a mart without a row.
select user_id, transaction_id, merchant_id, booked_on, amount, loaded_version
from {{ ref('fct_transaction') }}
where status = 'charged_back'
order by transaction_id
