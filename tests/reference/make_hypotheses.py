"""Makes `hypotheses.json`: what SciPy and statsmodels say of the sheets in examples/. Run from the repository's top:

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install -r tests/reference/requirements.txt
    /tmp/reference/bin/python tests/reference/make_hypotheses.py > tests/reference/hypotheses.json

Each case is the arguments of `test_hypothesis`, and the figures expected in its reply.
"""
import json
import math

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats

birds = pd.read_csv("examples/birdstrikes.csv", keep_default_na=False, na_values=[""]).rename(columns={
    "Speed IAS in knots": "speed", "Cost Total $": "cost", "Wildlife Size": "size", "Time of day": "time", "Phase of flight": "phase",
    "Effect Amount of damage": "damage"})
birds["cost"] = pd.to_numeric(birds["cost"].astype(str).str.replace(",", ""), errors="coerce")
weather = pd.read_csv("examples/weather.csv")
employment = pd.read_csv("examples/employment.csv")
co2 = pd.read_csv("examples/co2.csv")

SPEED, COST, SIZE, TIME, PHASE = "Speed IAS in knots", "Cost Total $", "Wildlife Size", "Time of day", "Phase of flight"
seattle, york = (weather[weather.location == name] for name in ("Seattle", "New York"))
cases = []


def case(args, **expect):
    def plain(value):
        if isinstance(value, (list, tuple, np.ndarray)):
            return [plain(item) for item in value]
        return value if isinstance(value, str) else float(value)
    cases.append({"args": args, "expect": {key: plain(value) for key, value in expect.items()}})


def args(test, sheet, *columns, **rest):
    return {"test": test, "sheet": sheet, "columns": list(columns), **rest}


def interval(found):
    ci = found.confidence_interval(0.95)
    return [ci.low, ci.high]


def pearson(sheet, a, b, x, y, **rest):
    keep = x.notna() & y.notna()
    found = stats.pearsonr(x[keep], y[keep])
    case(args("pearson", sheet, a, b, **rest), statistic=found.statistic, p_value=found.pvalue, n=keep.sum(), ci=interval(found))


def spearman(sheet, a, b, x, y, **rest):
    keep = x.notna() & y.notna()
    found = stats.spearmanr(x[keep], y[keep])
    case(args("spearman", sheet, a, b, **rest), statistic=found.statistic, p_value=found.pvalue, n=keep.sum())


pearson("weather", "temp_max", "wind", weather.temp_max, weather.wind)
pearson("weather", "temp_max", "temp_min", weather.temp_max, weather.temp_min)
pearson("weather", "precipitation", "wind", seattle.precipitation, seattle.wind, where="location = 'Seattle'")
pearson("employment", "nonfarm_change", "construction", employment.nonfarm_change, employment.construction)
pearson("birdstrikes", SPEED, COST, birds.speed, birds.cost)
first = weather[(weather.location == "Seattle") & (weather.date < "2012-01-09")]
pearson("weather", "wind", "temp_max", first.wind, first.temp_max, where="location = 'Seattle' and date < DATE '2012-01-09'")
spearman("weather", "temp_max", "wind", weather.temp_max, weather.wind)
spearman("weather", "precipitation", "temp_min", weather.precipitation, weather.temp_min)
spearman("employment", "nonfarm", "government", employment.nonfarm, employment.government)
spearman("birdstrikes", SPEED, COST, birds.speed, birds.cost)
spearman("weather", "wind", "temp_max", first.wind, first.temp_max, where="location = 'Seattle' and date < DATE '2012-01-09'")


def welch(arguments, a, b):
    a, b = a.dropna(), b.dropna()
    found = stats.ttest_ind(a, b, equal_var=False)
    pooled = math.sqrt(((len(a) - 1) * a.var() + (len(b) - 1) * b.var()) / (len(a) + len(b) - 2))
    case(arguments, statistic=found.statistic, p_value=found.pvalue, df=[found.df], ci=interval(found), n=len(a) + len(b),
         group_n=[len(a), len(b)], group_mean=[a.mean(), b.mean()], group_sd=[a.std(), b.std()], effect=(a.mean() - b.mean()) / pooled)


welch(args("t_welch", "weather", "temp_max", group_by="location"), york.temp_max, seattle.temp_max)
welch(args("t_welch", "weather", "wind", group_by="location", groups=["Seattle", "New York"]), seattle.wind, york.wind)
welch(args("t_welch", "employment", "wholesale_trade", "other_services"), employment.wholesale_trade, employment.other_services)
welch(args("t_welch", "birdstrikes", SPEED, group_by=SIZE, groups=["Small", "Large"]),
      birds.speed[birds["size"] == "Small"], birds.speed[birds["size"] == "Large"])


def one(arguments, found, values, sd_of, mean=0.0):
    case(arguments, statistic=found.statistic, p_value=found.pvalue, df=[found.df], n=len(values),
         ci=interval(found), effect=(sd_of.mean() - mean) / sd_of.std())


one(args("t_paired", "weather", "temp_max", "temp_min"), stats.ttest_rel(weather.temp_max, weather.temp_min), weather,
    weather.temp_max - weather.temp_min)
one(args("t_paired", "co2", "CO2", "adjusted CO2"), stats.ttest_rel(co2["CO2"], co2["adjusted CO2"]), co2, co2["CO2"] - co2["adjusted CO2"])
one(args("t_one_sample", "weather", "wind", mean=3.2), stats.ttest_1samp(weather.wind, 3.2), weather, weather.wind, 3.2)
one(args("t_one_sample", "employment", "nonfarm_change"), stats.ttest_1samp(employment.nonfarm_change, 0), employment, employment.nonfarm_change)


def mann_whitney(arguments, a, b):
    a, b = a.dropna(), b.dropna()
    found = stats.mannwhitneyu(a, b)
    case(arguments, statistic=found.statistic, p_value=found.pvalue, n=len(a) + len(b), group_n=[len(a), len(b)],
         effect=2 * found.statistic / (len(a) * len(b)) - 1)


mann_whitney(args("mann_whitney", "weather", "temp_max", group_by="location"), york.temp_max, seattle.temp_max)
mann_whitney(args("mann_whitney", "weather", "precipitation", group_by="location", groups=["Seattle", "New York"]), seattle.precipitation, york.precipitation)
mann_whitney(args("mann_whitney", "birdstrikes", SPEED, group_by=SIZE, groups=["Medium", "Large"]),
             birds.speed[birds["size"] == "Medium"], birds.speed[birds["size"] == "Large"])
mann_whitney(args("mann_whitney", "employment", "wholesale_trade", "other_services"), employment.wholesale_trade, employment.other_services)
head = employment[employment.month < "2006-09-01"]
mann_whitney(args("mann_whitney", "employment", "durable_goods", "retail_trade", where="month < DATE '2006-09-01'"), head.durable_goods, head.retail_trade)
two_days = co2[co2.Date < "1958-09-01"]
mann_whitney(args("mann_whitney", "co2", "CO2", "adjusted CO2", where="Date < DATE '1958-09-01'"), two_days["CO2"], two_days["adjusted CO2"])


def several(test, arguments, samples):
    samples = [sample.dropna() for sample in samples]
    n, k = sum(map(len, samples)), len(samples)
    if test is stats.f_oneway:
        found, df = test(*samples), [k - 1, n - k]
        everything = pd.concat(samples)
        grand = everything.mean()
        effect = sum(len(sample) * (sample.mean() - grand) ** 2 for sample in samples) / ((everything - grand) ** 2).sum()
    else:
        found, df = test(*samples), [k - 1]
        effect = found.statistic / (n - 1)
    case(arguments, statistic=found.statistic, p_value=found.pvalue, df=df, n=n, group_n=[len(sample) for sample in samples], effect=effect)


def split(frame, value, by):
    return [part[value] for _, part in frame.dropna(subset=[by, value]).groupby(by)]


for test, name in ((stats.f_oneway, "anova"), (stats.kruskal, "kruskal_wallis")):
    several(test, args(name, "weather", "temp_max", group_by="weather"), split(weather, "temp_max", "weather"))
    several(test, args(name, "weather", "wind", group_by="weather", where="location = 'Seattle'"), split(seattle, "wind", "weather"))
    several(test, args(name, "birdstrikes", SPEED, group_by=PHASE), split(birds, "speed", "phase"))
    several(test, args(name, "birdstrikes", SPEED, group_by=TIME), split(birds, "speed", "time"))
    several(test, args(name, "employment", "construction", "other_services", "wholesale_trade"),
            [employment.construction, employment.other_services, employment.wholesale_trade])


def chi_square(arguments, a, b):
    table = pd.crosstab(a, b)
    found = stats.chi2_contingency(table)
    case(arguments, statistic=found.statistic, p_value=found.pvalue, df=[found.dof], n=table.values.sum(),
         effect=stats.contingency.association(table, method="cramer"))


chi_square(args("chi_square", "weather", "location", "weather"), weather.location, weather.weather)
chi_square(args("chi_square", "birdstrikes", SIZE, TIME), birds["size"], birds.time)
chi_square(args("chi_square", "birdstrikes", "Effect Amount of damage", PHASE), birds.damage, birds.phase)
yates = weather[weather.weather.isin(["rain", "sun"])]
chi_square(args("chi_square", "weather", "location", "weather", where="weather in ('rain', 'sun')"), yates.location, yates.weather)

counts = weather.weather.value_counts().sort_index()
found = stats.chisquare(counts)
case(args("goodness_of_fit", "weather", "weather"), statistic=found.statistic, p_value=found.pvalue, df=[len(counts) - 1], n=counts.sum(),
     group_n=list(counts), effect=math.sqrt(found.statistic / counts.sum()))
names, shares = ["sun", "rain", "fog", "drizzle", "snow"], [0.5, 0.25, 0.15, 0.05, 0.05]
counts = counts[names]
found = stats.chisquare(counts, np.array(shares) * counts.sum())
case(args("goodness_of_fit", "weather", "weather", groups=names, expected=shares), statistic=found.statistic, p_value=found.pvalue, df=[4],
     n=counts.sum(), group_n=list(counts))


def kolmogorov(arguments, a, b):
    a, b = a.dropna(), b.dropna()
    found = stats.ks_2samp(a, b)
    case(arguments, statistic=found.statistic, p_value=found.pvalue, n=len(a) + len(b), group_n=[len(a), len(b)])


kolmogorov(args("kolmogorov_smirnov", "weather", "temp_max", group_by="location"), york.temp_max, seattle.temp_max)
kolmogorov(args("kolmogorov_smirnov", "birdstrikes", SPEED, group_by=TIME, groups=["Dawn", "Dusk"]),
           birds.speed[birds.time == "Dawn"], birds.speed[birds.time == "Dusk"])
kolmogorov(args("kolmogorov_smirnov", "employment", "construction", "other_services"), employment.construction, employment.other_services)
years = weather.date.str[:4]
kolmogorov(args("kolmogorov_smirnov", "weather", "wind", group_by="location", where="year(date) = 2013"), york.wind[years == "2013"], seattle.wind[years == "2013"])
kolmogorov(args("kolmogorov_smirnov", "co2", "CO2", "adjusted CO2"), co2["CO2"], co2["adjusted CO2"])
# Beyond 10,000 values SciPy turns to the asymptotic distribution: `large` is made of integers, the same in the test.
i = np.arange(30_000)
large = pd.DataFrame({"a": i * 7919 % 10007, "b": i * 104729 % 10009 + i % 3 * 40, "c": i * 15485863 % 9973 + 700})
kolmogorov(args("kolmogorov_smirnov", "large", "a", "b"), large.a, large.b)
kolmogorov(args("kolmogorov_smirnov", "large", "a", "c"), large.a, large.c)
for n_few in (3, 40, 1200):
    few = large.copy()
    few.loc[few.index >= n_few, "few"] = np.nan
    few["few"] = few["few"] if "few" in few else np.nan
    few.loc[few.index < n_few, "few"] = few.c[few.index < n_few]
    kolmogorov(args("kolmogorov_smirnov", "large", "a", f"few_{n_few}"), few.a, few["few"])
several(stats.kruskal, args("kruskal_wallis", "large", "a", "b", "c"), [large.a, large.b, large.c])
several(stats.f_oneway, args("anova", "large", "a", "b", "c"), [large.a, large.b, large.c])
mann_whitney(args("mann_whitney", "large", "a", "b"), large.a, large.b)
welch(args("t_welch", "large", "a", "b"), large.a, large.b)


def normality(arguments, test, values):
    found = test(values.dropna())
    case(arguments, statistic=found.statistic, p_value=found.pvalue, n=values.notna().sum())


for sheet, frame, column, name in (("weather", weather, "temp_max", None), ("employment", employment, "nonfarm_change", None),
                                   ("employment", employment, "construction", None), ("co2", co2, "CO2", None), ("weather", weather, "wind", None)):
    normality(args("shapiro_wilk", sheet, column), stats.shapiro, frame[column])
    normality(args("dagostino_pearson", sheet, column), stats.normaltest, frame[column])
normality(args("dagostino_pearson", "birdstrikes", SPEED), stats.normaltest, birds.speed)
for until, rows in (("2006-04-01", 3), ("2006-06-01", 5), ("2006-08-01", 7), ("2006-12-01", 11), ("2007-01-01", 12), ("2008-01-01", 24)):
    part = employment[employment.month < until]
    assert len(part) == rows
    normality(args("shapiro_wilk", "employment", "nonfarm_change", where=f"month < DATE '{until}'"), stats.shapiro, part.nonfarm_change)


def regression(arguments, y, *xs):
    frame = pd.concat([y, *xs], axis=1).dropna()
    fit = sm.OLS(frame.iloc[:, 0], sm.add_constant(frame.iloc[:, 1:])).fit()
    ci = fit.conf_int()
    case(arguments, statistic=fit.fvalue, p_value=fit.f_pvalue, df=[fit.df_model, fit.df_resid], n=len(frame), r_squared=fit.rsquared,
         adjusted=fit.rsquared_adj, residual=math.sqrt(fit.scale), coefficients=fit.params.values, std_errors=fit.bse.values, t=fit.tvalues.values,
         p_values=fit.pvalues.values, ci_low=ci[0].values, ci_high=ci[1].values)


regression(args("linear_regression", "weather", "temp_max", "temp_min"), weather.temp_max, weather.temp_min)
regression(args("linear_regression", "weather", "temp_max", "temp_min", "wind", "precipitation"),
           weather.temp_max, weather.temp_min, weather.wind, weather.precipitation)
regression(args("linear_regression", "weather", "wind", "precipitation", where="location = 'Seattle'"), seattle.wind, seattle.precipitation)
regression(args("linear_regression", "employment", "nonfarm", "construction", "manufacturing", "government", "information"),
           employment.nonfarm, employment.construction, employment.manufacturing, employment.government, employment.information)
regression(args("linear_regression", "birdstrikes", COST, SPEED), birds.cost, birds.speed)
regression(args("linear_regression", "co2", "CO2", "adjusted CO2"), co2["CO2"], co2["adjusted CO2"])

print("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]")
