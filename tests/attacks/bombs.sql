select count(*) from range(1000000000) a, range(1000000000) b where (a.range # b.range) % 7 = 3
select count(*) from range(100000000000) where range % 3 = 1
select count(*) from generate_series(1, 100000000000) g(i) where i % 5 = 1
select sum(a.n * b.n) from range(10000000) a(n), range(10000000) b(n)
with recursive r(i) as (select 1 union all select i + 1 from r) select max(i) from r
with recursive r(i, s) as (select 1, 'x' union all select i + 1, s || s from r) select max(length(s)) from r
with recursive r(i) as (select 1 union select (i * 7 + 3) % 1000000007 from r) select count(*) from r
with recursive r(l) as (select [1] union all select l || l from r) select count(*) from r
select length(repeat('x', 3000000000))
select length(repeat(repeat('x', 100000), 100000))
select length(lpad('x', 2000000000, 'y'))
select length(string_agg(repeat('x', 100000), '')) from range(100000)
select list(i) from range(300000000) t(i)
select len(range(2000000000))
select len(generate_series(1, 3000000000))
select list_sort(range(200000000))[1]
select count(*) from (select unnest(range(1000000000)))
select count(*) from (select unnest(range(100000)) from range(100000))
select count(distinct i) from range(2000000000) t(i)
select i, count(*) from range(500000000) t(i) group by i
select * from range(300000000) t(i) order by md5(i::varchar)
select md5(i::varchar) m, repeat('x', 500) r from range(100000000) t(i) order by m
select i, row_number() over (order by hash(i)) from range(200000000) t(i)
select sum(i) over (order by i rows between 1000000 preceding and 1000000 following) from range(50000000) t(i)
select median(i), mode(i), quantile_cont(i, 0.3) from range(500000000) t(i)
select histogram(i) from range(100000000) t(i)
select map_from_entries(list((i, i))) from range(100000000) t(i)
select count(*) from range(300000) a(x) join range(300000) b(y) on x <> y
select count(*) from range(1000000) a(x) join range(1000000) b(y) on abs(hash(x)::hugeint - hash(y)::hugeint) < 10
select levenshtein(repeat('a', 200000), repeat('b', 200000))
select jaccard(repeat('ab', 10000000), repeat('cd', 10000000))
select count(*) from range(5000000) t(i) where regexp_matches(repeat('a', 2000) || i, '(a|aa)+$')
select count(*) from range(1000000) t(i) where regexp_full_match(repeat('x', 1000), '(x?){500}x{500}')
select list_reduce(range(100000000), lambda a, b: (a * 31 + b) % 1000003)
select len(list_transform(range(100000000), lambda x: md5(x::varchar)))
select max(list_sum(list_transform(range(i), lambda x: x * i))) from range(100000) t(i)
select bitstring_agg(i, 0, 4000000000) from (values (0), (4000000000)) t(i)
select bar(1, 0, 1, 1000000000)
select format('{:>1000000000}', 'x')
select printf('%2000000000d', 1)
select count(*) from range(1000) a, range(1000) b, range(1000) c, range(1000) d, range(1000) e
select $REP(2000,repeat('x', 1000000) || )'x'
select $REP(20000,1+)1
select * from $REP(60,range(2) ,)range(2)
select repeat(']', 100000000)::json
select factorial(100000)
select string_split(repeat('a,', 200000000), ',')
pivot (select i, i % 100000 k from range(1000000) t(i)) on k using sum(i)
select $REP(600,1+)1
select error(repeat('x', 50000000))
