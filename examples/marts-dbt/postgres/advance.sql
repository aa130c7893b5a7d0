-- One day more: its transactions, and the next version of the data.

SET search_path = finance;
BEGIN;
UPDATE load_state SET version = version + 1, loaded_through = loaded_through + 1;
SELECT book_days(loaded_through, loaded_through) FROM load_state \g /dev/null
COMMIT;
