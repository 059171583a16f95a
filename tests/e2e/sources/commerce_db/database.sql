-- The packaged shop application's own tables, with the rows that sent.ndjson was extracted from.
create schema shop;

create table shop.products (
    sku text primary key,
    product_id text not null,
    gtin text,
    name text not null,
    brand text,
    category_id text,
    list_price numeric(12, 4),
    tax_included boolean,
    cost numeric(12, 4),
    currency char(3),
    status text not null,
    launched_on date,
    weight_grams double precision,
    origin_country char(2),
    updated_at timestamptz not null
);
create index on shop.products (updated_at);

create table shop.customers (
    id bigint primary key,
    email text,
    password_digest text,
    phone text,
    first_name text,
    last_name text,
    born_on date,
    country char(2),
    language text,
    signup text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table shop.orders (
    id text primary key,
    number text not null,
    basket_id text,
    customer_id bigint,
    email text,
    currency char(3) not null,
    goods_net numeric(12, 2) not null,
    discount_net numeric(12, 2) not null,
    shipping_gross numeric(12, 2) not null,
    goods_tax numeric(12, 2) not null,
    total_gross numeric(12, 2) not null,
    delivery text,
    promised_on date,
    lines jsonb not null,
    state text not null,
    placed_at timestamptz not null
);

create table shop.erasure_requests (
    id bigint primary key,
    customer_id bigint not null,
    channel text not null,
    received_on date not null,
    due_on date not null,
    created_at timestamptz not null
);

insert into shop.products values
    ('MUG-BLUE', 'MUG', '04006381333931', 'Mug, blue', 'Hearth', 'kitchen', 12.90, true, 3.125, 'EUR', 'live', '2026-03-01', 340.5, 'PT', '2024-05-06T07:08:09.123456Z'),
    ('TEA-GREEN', 'TEA', null, 'Tee, grün', null, 'food', 4.50, true, null, 'EUR', 'new', null, null, 'CN', '2025-11-02T09:00:00Z');
insert into shop.customers values
    (501, ' Ada@Example.com ', 'not-to-be-extracted', '+49 30 123456', 'Ada', 'Koch', '1969-12-30', 'DE', 'de-DE', 'site', '2023-01-02T03:04:05.000006Z', '2025-11-02T10:30:00Z'),
    (502, 'bo@example.com', 'not-to-be-extracted', null, 'Bo', 'Lind', null, 'SE', null, 'pos', '2025-11-02T10:00:00.01Z', '2025-11-02T10:00:00.01Z');
insert into shop.orders values
    ('O-9001', '2026-9001', 'B-77', 502, 'bo@example.com', 'EUR', 24.81, 1.08, 4.90, 4.20, 33.91, 'collect', '2025-11-05', '[
        {"pos": 1, "sku": "MUG-BLUE", "name": "Mug, blue", "qty": 2, "unit_net": "10.84", "discount_net": "1.08", "net": "20.60", "tax": "3.91", "rate": "0.19", "gross": "24.51"},
        {"pos": 2, "sku": "TEA-GREEN", "name": "Tee, grün", "qty": 1, "unit_net": "4.21", "discount_net": "0.00", "net": "4.21", "tax": "0.29", "rate": "0.07", "gross": "4.50"}]',
     'packing', '2025-11-02T11:00:00.25Z');
insert into shop.erasure_requests values
    (17, 502, 'post', '2025-11-02', '2025-12-02', '2025-11-02T12:00:00.01Z');
