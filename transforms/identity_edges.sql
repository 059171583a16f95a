-- Identifiers seen together, by day. Reads the table `events`.
--
-- Events of one day that carry the same identifiers are made one first, so that the rest works on few rows.
with
    seen as (
        select
            occurred_at::date as seen_date,
            list_filter(
                [
                    {'kind': 'login', 'value': customer_id},
                    {'kind': 'loyalty_card', 'value': loyalty_card_id},
                    {'kind': 'email', 'value': email_hash},
                    {'kind': 'phone', 'value': phone_hash},
                    {'kind': 'device', 'value': visitor_id}
                ],
                lambda each: each.value is not null and each.value not in (
                    -- what senders put for a missing value: the hash of no text, the empty UUID
                    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
                    '00000000-0000-0000-0000-000000000000'
                )
            ) as identifiers,
            merged_customer_ids,
            min(occurred_at) as first_seen_at,
            max(occurred_at) as last_seen_at
        from events
        where
            event_type <> 'identifier_excluded'
            and coalesce(customer_id, loyalty_card_id, email_hash, phone_hash) is not null
        group by all
    ),

    places as (
        select left_place, right_place
        from range(1, 5) as a(left_place), range(2, 6) as b(right_place)
        where left_place < right_place
    ),

    pairs as (
        -- a login says who acts, so the others are tied to it and not to each other
        select
            seen_date, identifiers[left_place] as a, identifiers[right_place] as b, first_seen_at, last_seen_at
        from seen
        inner join places
            on right_place <= len(identifiers) and (left_place = 1 or identifiers[1].kind <> 'login')
        union all
        select
            seen_date,
            {'kind': 'login', 'value': least(identifiers[1].value, merged_id)} as a,
            {'kind': 'login', 'value': greatest(identifiers[1].value, merged_id)} as b,
            first_seen_at,
            last_seen_at
        from (select *, unnest(merged_customer_ids) as merged_id from seen)
        where identifiers[1].kind = 'login' and merged_id <> identifiers[1].value
        union all
        select seen_date, identifiers[1] as a, identifiers[1] as b, first_seen_at, last_seen_at
        from seen
        where len(identifiers) = 1 and identifiers[1].kind <> 'device'
    ),

    decisions as (
        select occurred_at::date as seen_date, identifier_kind, identifier_value, is_excluded, reason, occurred_at
        from events
        where event_type = 'identifier_excluded'
        qualify row_number() over (
            partition by seen_date, identifier_kind, identifier_value order by occurred_at desc, event_id desc
        ) = 1
    )

select
    a.kind as a_kind,
    a.value as a_value,
    b.kind as b_kind,
    b.value as b_value,
    case
        when a = b then 'alone'
        when b.kind = 'login' then 'crm_merge'
        when a.kind <> 'login' then 'order_contact'
        when b.kind = 'loyalty_card' then 'login_card'
        when b.kind = 'email' then 'login_email'
        when b.kind = 'phone' then 'login_phone'
        else 'login_device'
    end as rule,
    seen_date,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at,
    null::boolean as is_excluded,
    null::varchar as exclusion_reason
from pairs
group by a, b, seen_date
union all
select
    identifier_kind, identifier_value, identifier_kind, identifier_value, 'exclusion', seen_date, occurred_at, occurred_at,
    is_excluded, reason
from decisions;
