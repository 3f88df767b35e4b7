# Names that a replacement scan would read.
from '$CANARY'
from "$CANARY"
select * from '$INSIDE'
from main."$INSIDE"
from memory.main."$CANARY"
from 'file://$CANARY'
from 'file:$CANARY'
from '/etc/passwd'
from '/etc/*'
from '/proc/self/environ'
from '/proc/self/fd/0'
from '/dev/stdin'
from '/dev/fd/0'
from '../../../../etc/hosts'
from './*.csv'
from '~/.ssh/id_rsa'
from 't.csv'
from '*.parquet'
from '**/*.parquet'
from 'https://example.invalid/x.csv'
from 'http://169.254.169.254/latest/meta-data'
from 's3://bucket/key.parquet'
from 'gcs://bucket/key.parquet'
from 'r2://bucket/key'
from 'hf://datasets/x/y.parquet'
from 'azure://container/x'
from 'postgres:dbname=x'
from 'sqlite:$INSIDE'
from 'ducklake:x'
from 'data:text/csv,a%0A1'
from "$CANARY" as t
from t natural join '$CANARY'
select '$CANARY'.content from '$CANARY'
with t as (from '$CANARY') from t
with "$CANARY" as (from "$CANARY") from "$CANARY"
with x as (from y), y as (from '$CANARY') from x
describe '$CANARY'
summarize '$CANARY'
show '$CANARY'
desc "$INSIDE"
table '$CANARY'
# Writing.
copy t to '$TARGET'
copy (select 1) to '$TARGET'
copy (select 1) to '$TARGET' (format parquet)
copy (select 1) to '$TARGET' (format csv, overwrite_or_ignore)
copy (select 1 a) to '$TARGET' (partition_by (a))
copy (select 1) to '/dev/stdout'
copy t from '$CANARY'
copy t from program 'cat /etc/passwd'
copy from database memory to x
COPY/**/t/**/TO/**/'$TARGET'
with x as (select 1) copy (from x) to '$TARGET'
export database '$TARGET'
export database '$TARGET' (format parquet)
import database '$TARGET'
create table x as select 1
create temp table x as select 1
create or replace temp view t as select 'gone' n
create view v as from '$CANARY'
create schema s
create sequence s
create type e as enum ('a')
create index i on t (n)
create macro m(x) as x
create temp macro sum(x) as 0
create or replace macro count(x) as table from read_text('$CANARY')
create function f(x) as x
create secret (type s3, key_id 'a', secret 'b')
create persistent secret s (type http, bearer_token 'x')
drop secret s
insert into t values (1)
insert or replace into t values (1)
insert into t from '$CANARY'
update t set n = 0
delete from t
truncate t
merge into t using t s on t.n = s.n when matched then delete
alter table t rename to u
alter view t rename to u
drop table t
drop view t
drop view if exists t cascade
with x as (delete from t returning *) from x
with x as (insert into t values (1) returning n) from x
with x as (update t set n = 1 returning n) from x
comment on view t is 'x'
vacuum
vacuum analyze t
analyze
checkpoint
force checkpoint
# The session and the process.
attach '$INSIDE' as x
attach ':memory:' as x
attach '$TARGET'
attach if not exists 'postgres://x' (type postgres)
detach memory
use memory
use main
install httpfs
install httpfs from community
install '$CANARY'
force install spatial
load httpfs
load '$CANARY'
update extensions
set threads = 64
set memory_limit = '100GB'
set enable_external_access = true
set lock_configuration = false
set allowed_directories = ['/']
set temp_directory = '$TARGET'
set global TimeZone = 'Asia/Tokyo'
set session TimeZone = 'Asia/Tokyo'
set local TimeZone = 'Asia/Tokyo'
set time zone 'Asia/Tokyo'
set variable x = 1
set schema = 'main'
set search_path = 'main'
set log_query_path = '$TARGET'
set profiling_output = '$TARGET'
set enable_profiling = 'json'
set home_directory = '/'
set extension_directory = '$TARGET'
set secret_directory = '$TARGET'
set http_proxy = 'http://127.0.0.1:1'
set custom_user_agent = 'x'
set max_expression_depth = 1000000
set python_enable_replacements = true
reset memory_limit
reset global allowed_directories
pragma threads = 64
pragma memory_limit = '100GB'
pragma database_list
pragma show_tables
pragma table_info('t')
pragma version
pragma enable_profiling
pragma profiling_output = '$TARGET'
pragma enable_logging
pragma database_size
pragma platform
call enable_logging('QueryLog')
call enable_logging(storage = 'file', storage_config = {'path': '$TARGET'})
call pragma_version()
call duckdb_settings()
call force_checkpoint()
begin
begin transaction
commit
rollback
abort
prepare q as select 1
execute q
execute q(1)
deallocate q
deallocate all
explain copy t to '$TARGET'
explain analyze copy t to '$TARGET'
explain create table x as select 1
select 1; copy t to '$TARGET'
copy t to '$TARGET'; select 1
select 1; set threads = 64; select 1
;;copy t to '$TARGET'
/* select */ copy t to '$TARGET'
-- select 1
select 1 into x
select * into '$TARGET' from t
# What the process knows.
select getenv('HOME')
select getenv('QUIRE_LLM_API_KEY')
select current_setting('allowed_directories')
select current_setting('temp_directory')
select getvariable('x')
select current_query()
select version_is_no_function()
from duckdb_functions()
from duckdb_views()
from duckdb_tables()
from duckdb_columns()
from information_schema.tables
from information_schema.schemata
from pg_catalog.pg_class
from pg_settings
from sqlite_master
from sqlite_temp_master
from duckdb_settings
show all tables
show databases
show variables
show settings
select * from system.information_schema.columns
select nextval('s')
select txid_current()
select in_search_path('memory', 'main')
select pg_get_viewdef(1)
select write_log('x')
select parse_duckdb_log_message('x', 'y')
select file_exists('$CANARY')
select read_text('$CANARY')
select json_execute_serialized_sql(json_serialize_sql('from read_text(''$CANARY'')'))
from json_execute_serialized_sql(json_serialize_sql('from read_text(''$CANARY'')'))
select json_deserialize_sql(json_serialize_sql('select 1'))
select error('x')
select sleep_ms(10000)
select pg_sleep(100)
select * from query('select ' || '1')
select * from query_table('t')
# Shapes that a check of text would let through.
SeLeCt * FrOm ReAd_TeXt('$CANARY')
select * from "read_text"('$CANARY')
select * from read_text ('$CANARY')
select * from read_text(E'$CANARY')
select * from read_text($$$CANARY$$)
select * from read_text(chr(47) || 'etc' || chr(47) || 'hosts')
select * from read_text('/e' || 'tc/hosts')
select * from read_text((select '$CANARY'))
from read_text('$CANARY') t(n)
select t.n from read_text('$CANARY') t(n)
select * from ｒead_text('$CANARY')
select * from read_text('$CANARY')/*
select '$CANARY'::regclass; from read_text('$CANARY')
values ((from read_text('$CANARY')))
select unnest((select list(content) from read_text('$CANARY')))
select reduce([1], lambda a, b: (select 1 from read_text('$CANARY')))
select (from read_text('$CANARY') select content)
from t select (select content from read_text('$CANARY'))
select * from t where n = (select length(content) from read_text('$CANARY') where content like 'a%')
$REP(3,select * from )read_text('$CANARY')
