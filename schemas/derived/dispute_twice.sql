-- 一诉多报: a dispute before the mediators whose party also called 12345 about something in the same town within 15 days.
-- A mere question (咨询), a suggestion or praise is no dispute. Several calls on one dispute make one row.
WITH matches AS (
    SELECT
        d.dispute_no,
        d.town_code,
        d.type AS dispute_type,
        d.happened_on,
        d.state AS dispute_state,
        t.ticket_no,
        t.called_at,
        t.state AS ticket_state,
        date_diff('day', d.happened_on, CAST(t.called_at AS DATE)) AS days_after
    FROM shared.dispute d
    JOIN shared.dispute_party p ON p.dispute_no = d.dispute_no
    JOIN shared.hotline_ticket t ON t.caller_phone = p.phone AND t.town_code = d.town_code
    WHERE t.type IN ('help', 'complaint', 'report')
        AND abs(date_diff('day', d.happened_on, CAST(t.called_at AS DATE))) <= 15)
SELECT
    dispute_no,
    any_value(town_code) AS town_code,
    any_value(dispute_type) AS dispute_type,
    any_value(happened_on) AS happened_on,
    any_value(dispute_state) AS dispute_state,
    arg_min(ticket_no, (called_at, ticket_no)) AS ticket_no,
    min(called_at) AS called_at,
    arg_min(ticket_state, (called_at, ticket_no)) AS ticket_state,
    arg_min(days_after, (called_at, ticket_no)) AS days_after,
    count(DISTINCT ticket_no) AS tickets
FROM matches
GROUP BY dispute_no
