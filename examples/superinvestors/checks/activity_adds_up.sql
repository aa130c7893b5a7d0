-- The activity of all assets in a quarter is what is held in it: same positions, same shares. Rows are failures.
SELECT quarter, held.positions, activity.holders, held.shares, activity.shares AS activity_shares
FROM (SELECT quarter, count(*) AS positions, sum(shares) AS shares FROM holdings GROUP BY quarter) AS held
FULL JOIN (SELECT quarter, sum(holders) AS holders, sum(shares) AS shares FROM asset_activity GROUP BY quarter) AS activity USING (quarter)
WHERE positions IS DISTINCT FROM holders OR held.shares IS DISTINCT FROM activity.shares
