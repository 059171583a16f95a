-- Identifiers whose clusters are to be resolved again. Reads the tables `nodes` and `links` (as they are now), `touched`
-- (identifiers of which something changed) and `known` (identifiers with their cluster_id so far).
--
-- No walk through the graph is needed. A link with no touched end was there before, between identifiers of one cluster. So from
-- the clusters of the touched only links of the touched lead out, and those lead to clusters that are whole as they were.
with
    touched_nodes as (
        select number from nodes semi join touched using (identifier_kind, identifier_value)
    ),

    neighbours as (
        select b as number from links semi join touched_nodes on a = touched_nodes.number where is_open
        union
        select a as number from links semi join touched_nodes on b = touched_nodes.number where is_open
    ),

    reached as (
        select identifier_kind, identifier_value from touched
        union
        select identifier_kind, identifier_value from nodes semi join neighbours using (number)
    ),

    clusters as (
        select distinct cluster_id from known semi join reached using (identifier_kind, identifier_value)
    )

select identifier_kind, identifier_value from reached
union
select identifier_kind, identifier_value from known semi join clusters using (cluster_id);
