-- 高龄津贴死亡停发: people to whom the old-age allowance was paid for a month after the month in which the police registered their
-- death. A payment for the month of the registration itself is still in order, and a failed payment is no payment.
WITH paid AS (
    SELECT
        d.id_number,
        d.name,
        d.died_on,
        d.registered_on,
        d.village_code AS village_of_death,
        p.month,
        p.amount
    FROM shared.death d
    JOIN shared.old_age_payment p ON p.id_number = d.id_number
    WHERE p.result = 'paid'
        AND p.month > date_trunc('month', d.registered_on)),
people AS (
    SELECT
        id_number,
        any_value(name) AS name,
        any_value(died_on) AS died_on,
        any_value(registered_on) AS registered_on,
        any_value(village_of_death) AS village_of_death,
        min(month) AS first_month,
        max(month) AS last_month,
        count(*) AS months,
        arg_max(amount, month) AS monthly_amount,
        CAST(sum(amount) AS DECIMAL(18, 2)) AS paid_amount
    FROM paid
    GROUP BY id_number)
SELECT
    people.id_number,
    people.name,
    coalesce(a.town_code, substr(people.village_of_death, 1, 9)) AS town_code,
    coalesce(a.village_code, people.village_of_death) AS village_code,
    people.died_on,
    people.registered_on,
    people.first_month,
    people.last_month,
    people.months,
    people.monthly_amount,
    people.paid_amount
FROM people
LEFT JOIN shared.old_age_allowance a ON a.id_number = people.id_number
