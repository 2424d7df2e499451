import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import org.elasticsearch.action.admin.indices.resolve.ResolveIndexAction;
import org.elasticsearch.action.support.IndicesOptions;
import org.elasticsearch.cluster.ClusterName;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.metadata.AliasMetadata;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.metadata.IndexMetadata;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver.ResolvedExpression;
import org.elasticsearch.cluster.metadata.Metadata;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.util.concurrent.ThreadContext;
import org.elasticsearch.common.xcontent.XContentHelper;
import org.elasticsearch.index.Index;
import org.elasticsearch.index.IndexVersion;
import org.elasticsearch.indices.SystemIndices;
import org.elasticsearch.xcontent.ToXContent;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.json.JsonXContent;

/**
 * Names of indices as the action behind authorization resolves them, by Elasticsearch's own classes: a JSON object a line in, one out.
 *   {"op":"cluster","indices":{name: {"closed":b,"hidden":b,"aliases":{alias: filtered}}},
 *    "streams":{name: {"hidden":b,"data":[..],"failures":[..],"aliases":{alias: filtered}}}} -> {}
 *   {"op":"concrete","names":[..],"options":{..},"streams":b}
 *       -> {"indices":[names],"filters":{index: [aliases whose filters hold]}} or {"error":type,"reason":r}
 *   {"op":"resolve","names":[..],"options":{..}} -> {"resolved": the response of _resolve/index} or the same error
 */
public class NameOracle {
    static {
        LogConfigurator.configureESLogging();
    }
    static final IndexNameExpressionResolver RESOLVER = new IndexNameExpressionResolver(
        new ThreadContext(Settings.EMPTY),
        new SystemIndices(List.of())
    );
    static final String FILTER = "{\"match_all\":{}}";
    static ClusterState state;

    public static void main(String[] args) throws Exception {
        MessageOracle.serve(NameOracle::answer);
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> answer(Map<String, Object> call) throws Exception {
        if (call.get("op").equals("cluster")) {
            state = ClusterState.builder(ClusterName.DEFAULT).metadata(cluster(call)).build();
            return Map.of();
        }
        String[] names = ((List<String>) call.get("names")).toArray(String[]::new);
        IndicesOptions options = options((Map<String, Boolean>) call.get("options"));
        try {
            return call.get("op").equals("resolve") ? resolve(names, options) : concrete(names, options, (Boolean) call.get("streams"));
        } catch (Exception e) {
            Throwable cause = e instanceof java.lang.reflect.InvocationTargetException ? e.getCause() : e;
            return Map.of("error", org.elasticsearch.ElasticsearchException.getExceptionName(cause), "reason", cause.getMessage());
        }
    }

    static Map<String, Object> concrete(String[] names, IndicesOptions options, boolean streams) {
        Index[] indices = RESOLVER.concreteIndices(state, options, streams, names);
        Set<ResolvedExpression> expressions = RESOLVER.resolveExpressions(state, names);
        Map<String, Object> filters = new TreeMap<>();
        for (Index index : indices) {
            String[] aliases = RESOLVER.filteringAliases(state, index.getName(), expressions);
            if (aliases != null) {
                filters.put(index.getName(), Arrays.stream(aliases).sorted().toList());
            }
        }
        return Map.of("indices", Arrays.stream(indices).map(Index::getName).toList(), "filters", filters);
    }

    static Map<String, Object> resolve(String[] names, IndicesOptions options) throws Exception {
        List<ResolveIndexAction.ResolvedIndex> indices = new ArrayList<>();
        List<ResolveIndexAction.ResolvedAlias> aliases = new ArrayList<>();
        List<ResolveIndexAction.ResolvedDataStream> streams = new ArrayList<>();
        Method method = ResolveIndexAction.TransportAction.class.getDeclaredMethod(
            "resolveIndices",
            String[].class,
            IndicesOptions.class,
            ClusterState.class,
            IndexNameExpressionResolver.class,
            List.class,
            List.class,
            List.class
        );
        method.setAccessible(true);
        method.invoke(null, names, options, state, RESOLVER, indices, aliases, streams);
        XContentBuilder json = JsonXContent.contentBuilder();
        new ResolveIndexAction.Response(indices, aliases, streams).toXContent(json, ToXContent.EMPTY_PARAMS);
        return Map.of("resolved", XContentHelper.convertToMap(JsonXContent.jsonXContent, Strings.toString(json), true));
    }

    static IndicesOptions options(Map<String, Boolean> given) {
        return IndicesOptions.builder()
            .concreteTargetOptions(new IndicesOptions.ConcreteTargetOptions(given.get("ignore_unavailable")))
            .wildcardOptions(
                IndicesOptions.WildcardOptions.builder()
                    .matchOpen(given.get("expand_open"))
                    .matchClosed(given.get("expand_closed"))
                    .includeHidden(given.get("expand_hidden"))
                    .allowEmptyExpressions(given.get("allow_no_indices"))
                    .resolveAliases(given.get("ignore_aliases") == false)
            )
            .gatekeeperOptions(
                IndicesOptions.GatekeeperOptions.builder()
                    .allowAliasToMultipleIndices(given.get("forbid_aliases_to_multiple_indices") == false)
                    .allowClosedIndices(given.get("forbid_closed_indices") == false)
                    .allowSelectors(given.get("allow_selectors"))
                    .includeFailureIndices(given.get("include_failure_indices"))
                    .ignoreThrottled(given.get("ignore_throttled"))
            )
            .build();
    }

    @SuppressWarnings("unchecked")
    static Metadata cluster(Map<String, Object> call) {
        Metadata.Builder builder = Metadata.builder();
        for (Map.Entry<String, Object> entry : ((Map<String, Object>) call.get("indices")).entrySet()) {
            Map<String, Object> index = (Map<String, Object>) entry.getValue();
            IndexMetadata.Builder made = index(entry.getKey(), (Boolean) index.get("hidden"), (Boolean) index.get("closed"));
            ((Map<String, Boolean>) index.get("aliases")).forEach(
                (alias, filtered) -> made.putAlias(AliasMetadata.builder(alias).filter(filtered ? FILTER : null))
            );
            builder.put(made);
        }
        for (Map.Entry<String, Object> entry : ((Map<String, Object>) call.get("streams")).entrySet()) {
            Map<String, Object> stream = (Map<String, Object>) entry.getValue();
            List<IndexMetadata> data = ((List<String>) stream.get("data")).stream().map(name -> index(name, true, false).build()).toList();
            List<IndexMetadata> failures = ((List<String>) stream.get("failures")).stream()
                .map(name -> index(name, true, false).build())
                .toList();
            data.forEach(one -> builder.put(one, false));
            failures.forEach(one -> builder.put(one, false));
            builder.put(
                DataStream.builder(entry.getKey(), data.stream().map(IndexMetadata::getIndex).toList())
                    .setHidden((Boolean) stream.get("hidden"))
                    .setFailureIndices(
                        DataStream.DataStreamIndices.failureIndicesBuilder(failures.stream().map(IndexMetadata::getIndex).toList()).build()
                    )
                    .build()
            );
            ((Map<String, Boolean>) stream.get("aliases")).forEach(
                (alias, filtered) -> builder.put(alias, entry.getKey(), null, filtered ? FILTER : null)
            );
        }
        return builder.build();
    }

    static IndexMetadata.Builder index(String name, boolean hidden, boolean closed) {
        return IndexMetadata.builder(name)
            .state(closed ? IndexMetadata.State.CLOSE : IndexMetadata.State.OPEN)
            .settings(
                Settings.builder()
                    .put(IndexMetadata.SETTING_VERSION_CREATED, IndexVersion.current())
                    .put(IndexMetadata.SETTING_INDEX_UUID, "uuid-" + name)
                    .put(IndexMetadata.SETTING_NUMBER_OF_SHARDS, 1)
                    .put(IndexMetadata.SETTING_NUMBER_OF_REPLICAS, 0)
                    .put("index.hidden", hidden)
            );
    }
}
