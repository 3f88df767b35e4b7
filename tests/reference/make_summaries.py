"""Makes `summaries.json`: what pandas says of the sheets in examples/, for `summarize_sheet`. Run from the repository's top, in the
environment of make_hypotheses.py:

    /tmp/reference/bin/python tests/reference/make_summaries.py > tests/reference/summaries.json
"""
import json

import pandas as pd

sheets = {}
for name in ("birdstrikes", "weather", "employment", "co2"):
    frame = pd.read_csv(f"examples/{name}.csv", keep_default_na=False, na_values=[""], thousands=",")
    columns = {}
    for column in frame.columns:
        values = frame[column]
        about = {"n_null": values.isna().sum(), "n_distinct": values.nunique()}
        if values.dtype.kind in "if":
            q1, median, q3 = values.quantile([0.25, 0.5, 0.75])
            about |= {"min": values.min(), "max": values.max(), "mean": values.mean(), "sd": values.std(), "q1": q1, "median": median, "q3": q3,
                      "skew": values.skew()}
            if q3 > q1:
                about["n_outliers"] = ((values < q1 - 1.5 * (q3 - q1)) | (values > q3 + 1.5 * (q3 - q1))).sum()
            off = (values - median).abs()
            if off.median() > 0:
                about["n_robust_outliers"] = (0.6745 * off > 3.5 * off.median()).sum()
            about["histogram"] = [int(n) for n in pd.Series(
                ((values.dropna() - values.min()) / ((values.max() - values.min()) / 20)).astype(int).clip(upper=19)).value_counts().reindex(range(20), fill_value=0)]
        columns[column] = {key: value if isinstance(value, list) else float(value) for key, value in about.items()}
    matrix = frame.select_dtypes("number").corr()
    correlations = [[a, b, float(matrix.loc[a, b])] for i, a in enumerate(matrix) for b in list(matrix)[i + 1:]]
    sheets[name] = {"n_rows": len(frame), "n_duplicate_rows": int(frame.duplicated().sum()), "columns": columns, "correlations": correlations}
print(json.dumps(sheets, indent=1))
