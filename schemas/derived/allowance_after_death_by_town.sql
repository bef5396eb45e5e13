-- One row a town: how many people, what they are paid a month, what has been paid in all.
SELECT
    town_code,
    count(*) AS people,
    CAST(sum(monthly_amount) AS DECIMAL(18, 2)) AS monthly_amount,
    CAST(sum(paid_amount) AS DECIMAL(18, 2)) AS paid_amount
FROM shared.allowance_after_death
GROUP BY town_code
