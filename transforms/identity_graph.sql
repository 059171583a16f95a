-- What is known of identifiers and of pairs of them over all days. Reads the tables `edges` and `crowds` (kind, most); makes
-- `identity_nodes` and `identity_links`.
create or replace temp table identity_pairs as
select a_kind, a_value, b_kind, b_value, rule, min(first_seen_at) as first_seen_at
from edges
where rule <> 'exclusion'
group by all;

create or replace temp table identity_decisions as
select a_kind as kind, a_value as value, is_excluded, exclusion_reason, first_seen_at as decided_at
from edges
where rule = 'exclusion'
-- a day has one row; the last day's is in force
qualify row_number() over (partition by a_kind, a_value order by seen_date desc) = 1;

create or replace temp table identity_nodes as
with
    ends as (
        select a_kind as kind, a_value as value, first_seen_at, case when rule <> 'alone' then b_kind end as partner_kind
        from identity_pairs
        union all
        select b_kind as kind, b_value as value, first_seen_at, a_kind as partner_kind
        from identity_pairs
        where rule <> 'alone'
    ),

    sightings as (
        select
            kind,
            value,
            min(first_seen_at) as first_seen_at,
            -- one person has many devices over the years, so those make no crowd
            greatest(
                count(*) filter (partner_kind = 'login'),
                count(*) filter (partner_kind = 'loyalty_card'),
                count(*) filter (partner_kind = 'email'),
                count(*) filter (partner_kind = 'phone')
            ) as crowd
        from ends
        group by all
    ),

    nodes as (
        select
            kind as identifier_kind,
            value as identifier_value,
            coalesce(first_seen_at, decided_at) as first_seen_at,
            coalesce(crowd > most, false) as is_shared,
            coalesce(is_excluded, false) as is_excluded,
            case when is_excluded then exclusion_reason end as exclusion_reason
        from sightings
        full join identity_decisions using (kind, value)
        left join crowds using (kind)
        where first_seen_at is not null or is_excluded
    )

select
    -- by claim to give the person its name: the least of a person is its anchor
    row_number() over (
        order by
            case identifier_kind when 'login' then 0 when 'device' then 2 else 1 end,
            first_seen_at,
            list_position(['login', 'loyalty_card', 'email', 'phone', 'device'], identifier_kind),
            identifier_value
    ) - 1 as number,
    *
from nodes;

create or replace temp table identity_links as
select
    a.number as a,
    b.number as b,
    rule,
    pairs.first_seen_at,
    not (a.is_shared or a.is_excluded or b.is_shared or b.is_excluded or rule = 'alone') as is_open
from identity_pairs as pairs
inner join identity_nodes as a on a.identifier_kind = a_kind and a.identifier_value = a_value
inner join identity_nodes as b on b.identifier_kind = b_kind and b.identifier_value = b_value;
