"""What all dashboards are made of: selectors, and panels that keep the conventions.

every selector   job=~"$job",instance=~"$instance"
every rate       [$__rate_interval]
every panel      title, description, unit, ${datasource}, an id that follows from its place
"""

from __future__ import annotations

from dataclasses import dataclass

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models

DATASOURCE = common_models.DataSourceRef(type_val="prometheus", uid="${datasource}")
TARGETS = 'job=~"$job",instance=~"$instance"'
ROW_HEIGHT, STAT_HEIGHT = 8, 4
HALF, THIRD, WHOLE = 12, 8, 24

Panel = Builder[models.Panel]
Row = tuple[str, list[Panel]]


@dataclass(frozen=True)
class Query:
    """One expression of a panel."""

    expr: str
    legend: str = ""
    instant: bool = False


def select(name: str, *matchers: str) -> str:
    """Return the series of metric `name` of the chosen targets."""
    return f"{name}{{{','.join((TARGETS, *matchers))}}}"


def rate(name: str, *matchers: str) -> str:
    """Return the increase per second of counter `name`."""
    return f"rate({select(name, *matchers)}[$__rate_interval])"


def quantile(q: float, histogram: str, by: str, *matchers: str) -> str:
    """Return quantile `q` of `histogram` for each value of the label `by`, from its buckets."""
    buckets = rate(f"{histogram}_bucket", *matchers)
    grouped = f"sum by ({by}, le) ({buckets})" if by else f"sum by (le) ({buckets})"
    return f"histogram_quantile({q:g}, {grouped})"


def lines(
    title: str, description: str, unit: str, *queries: Query, span: int = HALF
) -> timeseries.Panel:
    """Return a graph with a table of last and largest values below it."""
    legend = (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.TABLE)
        .placement(common_models.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull", "max"])
    )
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    panel = timeseries.Panel().legend(legend).tooltip(tooltip).fill_opacity(8).min(0)
    return _common(panel, title, description, unit, queries, span, ROW_HEIGHT)


def stacked(
    title: str, description: str, unit: str, *queries: Query, span: int = HALF
) -> timeseries.Panel:
    """Return a graph whose series add up to something."""
    mode = common.StackingConfig().mode(common_models.StackingMode.NORMAL)
    return lines(title, description, unit, *queries, span=span).stacking(mode).fill_opacity(40)


def latencies(title: str, description: str, *queries: Query, span: int = HALF) -> timeseries.Panel:
    """Return a graph of seconds over many orders of magnitude; `(buckets)` series are dashed."""
    log = common.ScaleDistributionConfig().type(common_models.ScaleDistribution.LOG).log(10)
    dash = models.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [8, 8]})
    panel = lines(title, description, "s", *queries, span=span).scale_distribution(log)
    return panel.fill_opacity(0).override_by_regexp(r"/\(buckets\)/", [dash])


def figure(title: str, description: str, unit: str, *queries: Query, span: int = 4) -> stat.Panel:
    """Return the newest value in large digits."""
    newest = common.ReduceDataOptions().calcs(["lastNotNull"])
    panel = stat.Panel().graph_mode(common_models.BigValueGraphMode.AREA).reduce_options(newest)
    return _common(panel, title, description, unit, queries, span, STAT_HEIGHT)


def name_of(title: str, description: str, query: Query, colors: dict[str, str]) -> stat.Panel:
    """Return the name of the series at 1 of a stateset, in its colour."""
    panel = figure(title, description, "none", query)
    panel.text_mode(common_models.BigValueTextMode.NAME)
    panel.color_mode(common_models.BigValueColorMode.BACKGROUND)
    panel.graph_mode(common_models.BigValueGraphMode.NONE)
    for name, color in colors.items():
        fixed = models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})
        panel.override_by_name(name, [fixed])
    return panel


def timeline(title: str, description: str, query: Query, span: int = HALF) -> statetimeline.Panel:
    """Return when each series was at 1."""
    shown = {
        "0": models.ValueMappingResult(text=" ", color="transparent"),
        "1": models.ValueMappingResult(text="yes", color="blue"),
    }
    panel = statetimeline.Panel().mappings([models.ValueMap(options=shown)])
    return _common(panel, title, description, "none", [query], span, ROW_HEIGHT)


def heat(
    title: str, description: str, histogram: str, *matchers: str, span: int = WHOLE
) -> heatmap.Panel:
    """Return how the durations of `histogram` are spread, over time."""
    expr = f"sum by (le) (increase({select(f'{histogram}_bucket', *matchers)}[$__rate_interval]))"
    colors = (
        heatmap.HeatmapColorOptions()
        .mode(heatmap_models.HeatmapColorMode.SCHEME)
        .scheme("Turbo")
        .scale(heatmap_models.HeatmapColorScale.EXPONENTIAL)
        .exponent(0.5)
        .steps(64)
    )
    panel = heatmap.Panel().color(colors).y_axis(heatmap.YAxisConfig().unit("s")).calculate(False)
    panel = _common(panel, title, description, "s", [], span, ROW_HEIGHT)
    format_ = prometheus_models.PromQueryFormat.HEATMAP
    return panel.with_target(_target(Query(expr, "{{le}}"), "A").format(format_))


def facts(title: str, description: str, metric: str, columns: str, span: int = HALF) -> table.Panel:
    """Return the labels of an info metric as a table."""
    expr = f"max by (instance, {columns.replace(' ', ', ')}) ({select(metric)})"
    target = _target(Query(expr, instant=True), "A")
    target = target.format(prometheus_models.PromQueryFormat.TABLE)
    hidden = {"excludeByName": {"Time": True, "Value": True}}
    panel = _common(table.Panel(), title, description, "none", [], span, STAT_HEIGHT)
    return panel.with_target(target).with_transformation(
        models.DataTransformerConfig(id_val="organize", options=hidden)
    )


def _common(panel, title, description, unit, queries, span, height):
    """Give a panel of any type what every panel has."""
    panel.title(title).description(description).unit(unit).datasource(DATASOURCE)
    panel.span(span).height(height)
    for letter, query in zip("ABCDEFGH", queries, strict=False):
        panel.with_target(_target(query, letter))
    return panel


def _target(query: Query, letter: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(letter).datasource(DATASOURCE)
    target.editor_mode(prometheus_models.QueryEditorMode.CODE)
    if query.legend:
        target.legend_format(query.legend)
    return target.instant() if query.instant else target.range()


def mark(name: str, expr: str, color: str) -> dashboard.AnnotationQuery:
    """Return marks on all graphs at the times, in milliseconds, that are the values of `expr`."""
    marks = dashboard.AnnotationQuery().name(name).datasource(DATASOURCE).enable(True)
    return marks.expr(expr).icon_color(color).use_value_for_time(True).title_format(name)


def variables() -> list[Builder[models.VariableModel]]:
    """Return the variables that every dashboard has: where to ask, and whom to ask about."""
    chosen = models.VariableOption(selected=True, text="All", value="$__all")
    job = _label("job", "Job", "label_values(stressd_build_info, job)", chosen)
    instance_query = 'label_values(stressd_build_info{job=~"$job"}, instance)'
    instance = _label("instance", "Instance", instance_query, chosen)
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return [source, job.multi(True), instance.multi(True)]


def choice(name: str, label: str, query: str, first: str) -> dashboard.QueryVariable:
    """Return a variable of which one value, at first `first`, is chosen."""
    chosen = models.VariableOption(selected=True, text=first, value=first)
    return _label(name, label, query, chosen).include_all(False)


def _label(
    name: str, label: str, query: str, chosen: models.VariableOption
) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query({"query": query, "refId": "A"})
        .datasource(DATASOURCE)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .current(chosen)
        .include_all(True)
        .all_value(".+")
    )
