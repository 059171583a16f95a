-- Identifiers of which something changed that counts. Reads the tables `nodes` and `links` (as they are now), and `before` and
-- `after` (rows of identity_edges that were replaced, and those that replaced them).
--
-- That a known pair was seen again, on another day or later on the same day, changes nothing.
with
    gone as (
        select a_kind, a_value, b_kind, b_value, rule, first_seen_at, is_excluded, exclusion_reason from before
        except
        select a_kind, a_value, b_kind, b_value, rule, first_seen_at, is_excluded, exclusion_reason from after
    ),

    come as (
        select a_kind, a_value, b_kind, b_value, rule, first_seen_at, is_excluded, exclusion_reason from after
        except
        select a_kind, a_value, b_kind, b_value, rule, first_seen_at, is_excluded, exclusion_reason from before
    ),

    moved as (
        select *, true as is_gone from gone
        union all
        select *, false as is_gone from come
    ),

    pairs as (
        select moved.a_kind, moved.a_value, moved.b_kind, moved.b_value
        from moved
        left join nodes as a on a.identifier_kind = moved.a_kind and a.identifier_value = moved.a_value
        left join nodes as b on b.identifier_kind = moved.b_kind and b.identifier_value = moved.b_value
        left join links on links.a = a.number and links.b = b.number
        where
            moved.rule = 'exclusion'
            or links.first_seen_at is null
            or (is_gone and moved.first_seen_at < links.first_seen_at)
            or (not is_gone and moved.first_seen_at = links.first_seen_at)
    )

select a_kind as identifier_kind, a_value as identifier_value from pairs
union
select b_kind, b_value from pairs;
