-- The figures the city publishes about its grids, their people and its courier councils. Each is one condition over one record
-- type; city_figures.yml states the same conditions, so that every figure can be followed back to its source rows.
WITH figures AS (
    SELECT 'grids_urban' AS figure, '城市网格' AS title, count(*) AS value
    FROM shared.grid WHERE kind = 'urban' AND state = 'active'
    UNION ALL
    SELECT 'grids_rural', '农村网格', count(*)
    FROM shared.grid WHERE kind = 'rural' AND state = 'active'
    UNION ALL
    SELECT 'grids_special', '专属网格', count(*)
    FROM shared.grid WHERE kind = 'special' AND state = 'active'
    UNION ALL
    SELECT 'grid_leaders', '网格长', count(*)
    FROM shared.grid_staff WHERE role = 'leader' AND left_on IS NULL
    UNION ALL
    SELECT 'grid_staff_full_time', '专职网格员', count(*)
    FROM shared.grid_staff WHERE role = 'member' AND employment = 'full_time' AND left_on IS NULL
    UNION ALL
    SELECT 'grid_staff_part_time', '兼职网格员', count(*)
    FROM shared.grid_staff WHERE role = 'member' AND employment = 'part_time' AND left_on IS NULL
    UNION ALL
    SELECT 'grid_volunteers', '网格志愿者', count(*)
    FROM shared.grid_staff WHERE role = 'volunteer' AND left_on IS NULL
    UNION ALL
    SELECT 'grid_party_branches', '网格党支部', count(*)
    FROM shared.party_organisation WHERE kind = 'grid_branch' AND state = 'active'
    UNION ALL
    SELECT 'grid_party_groups', '网格党小组', count(*)
    FROM shared.party_organisation WHERE kind = 'grid_group' AND state = 'active'
    UNION ALL
    SELECT 'party_households', '党员中心户', count(*)
    FROM shared.party_organisation WHERE kind = 'member_household' AND state = 'active'
    UNION ALL
    SELECT 'council_issues', '小哥议事会议题', count(*)
    FROM shared.council_item WHERE type = 'issue'
    UNION ALL
    SELECT 'council_actions', '小哥议事会实事行动', count(*)
    FROM shared.council_item WHERE type = 'action'
    UNION ALL
    SELECT 'council_disputes', '小哥议事会化解纠纷', count(*)
    FROM shared.council_item WHERE type = 'dispute'
)
SELECT figure, title, value FROM figures
