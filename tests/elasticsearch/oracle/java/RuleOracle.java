import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import org.elasticsearch.ElasticsearchException;
import org.elasticsearch.ElasticsearchParseException;
import org.elasticsearch.action.support.PlainActionFuture;
import org.elasticsearch.cluster.metadata.AliasMetadata;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.metadata.IndexMetadata;
import org.elasticsearch.cluster.metadata.Metadata;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.bytes.BytesArray;
import org.elasticsearch.common.bytes.BytesReference;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.xcontent.XContentHelper;
import org.elasticsearch.index.IndexVersion;
import org.elasticsearch.search.SearchModule;
import org.elasticsearch.xcontent.NamedXContentRegistry;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentType;
import org.elasticsearch.xcontent.json.JsonXContent;
import org.elasticsearch.xpack.core.security.authz.RestrictedIndices;
import org.elasticsearch.xpack.core.security.authz.RoleDescriptor;
import org.elasticsearch.xpack.core.security.authz.accesscontrol.IndicesAccessControl;
import org.elasticsearch.xpack.core.security.authz.permission.FieldPermissionsCache;
import org.elasticsearch.xpack.core.security.authz.permission.Role;
import org.elasticsearch.xpack.core.security.authz.support.DLSRoleQueryValidator;
import org.elasticsearch.xpack.core.security.authz.support.SecurityQueryTemplateEvaluator;
import org.elasticsearch.xpack.core.security.support.Automatons;
import org.elasticsearch.xpack.security.authz.store.CompositeRolesStore;

/**
 * Document and field rules of roles, by Elasticsearch's own classes: a JSON object a line in, one out.
 *   {"op":"cluster","indices":{name: [aliases]},"streams":{name: {"data":[..],"failures":[..],"aliases":[..]}}} -> {}
 *   {"op":"authorize","sets":[{name: descriptor}],"action":a,"names":[..],"words":[field names]}
 *       -> {"granted":bool,"indices":{concrete index: {"queries":[[text]] or null,"fields":[words that are granted] or null}}}
 *          or {"refused": why a descriptor is}
 *   {"op":"query","text":document query as JSON} -> {} or {"causes":[[type, reason]..]} of what fails when a shard is read
 *   {"op":"parse","text":descriptor as JSON} -> {"descriptor": as Elasticsearch shows it} or {"causes":[[type, reason]..]}
 */
public class RuleOracle {
    static {
        LogConfigurator.configureESLogging();
    }
    static final RestrictedIndices RESTRICTED = new RestrictedIndices(Automatons.patterns(".security", "/\\.security-[0-9]+.*/"));
    static final FieldPermissionsCache FIELDS = new FieldPermissionsCache(Settings.EMPTY);
    static final NamedXContentRegistry QUERIES = new NamedXContentRegistry(new SearchModule(Settings.EMPTY, List.of()).getNamedXContents());
    static Metadata metadata;

    public static void main(String[] args) throws Exception {
        MessageOracle.serve(RuleOracle::answer);
    }

    static Map<String, Object> answer(Map<String, Object> call) throws Exception {
        return switch ((String) call.get("op")) {
            case "cluster" -> {
                metadata = cluster(call);
                yield Map.of();
            }
            case "authorize" -> authorize(call);
            case "parse" -> parse((String) call.get("text"));
            case "query" -> query((String) call.get("text"));
            default -> throw new IllegalArgumentException("op");
        };
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> authorize(Map<String, Object> call) throws Exception {
        Role role = null;
        for (Map<String, Object> set : (List<Map<String, Object>>) call.get("sets")) {
            List<RoleDescriptor> descriptors = new ArrayList<>();
            for (Map.Entry<String, Object> entry : set.entrySet()) {
                XContentBuilder json = JsonXContent.contentBuilder().map((Map<String, ?>) entry.getValue());
                try {
                    descriptors.add(
                        RoleDescriptor.parserBuilder().build().parse(entry.getKey(), BytesReference.bytes(json), XContentType.JSON)
                    );
                } catch (ElasticsearchParseException e) {
                    return Map.of("refused", e.getMessage());
                }
            }
            PlainActionFuture<Role> built = new PlainActionFuture<>();
            CompositeRolesStore.buildRoleFromDescriptors(descriptors, FIELDS, null, RESTRICTED, built);
            role = role == null ? built.get() : role.limitedBy(built.get());
        }
        Set<String> names = new HashSet<>((List<String>) call.get("names"));
        IndicesAccessControl control = role.authorize((String) call.get("action"), names, metadata, FIELDS);
        Map<String, Object> indices = new TreeMap<>();
        for (String index : metadata.getConcreteAllIndices()) {
            IndicesAccessControl.IndexAccessControl access = control.getIndexPermissions(index);
            if (access == null || control.isGranted() == false) {
                continue;
            }
            Map<String, Object> shown = new TreeMap<>();
            if (access.getDocumentPermissions().hasDocumentLevelPermissions()) {
                List<List<String>> queries = new ArrayList<>();
                for (Set<BytesReference> of : access.getDocumentPermissions().getListOfQueries()) {
                    queries.add(of.stream().map(BytesReference::utf8ToString).toList());
                }
                shown.put("queries", queries);
            }
            if (access.getFieldPermissions().hasFieldLevelSecurity()) {
                shown.put("fields", ((List<String>) call.get("words")).stream().filter(access.getFieldPermissions()::grantsAccessTo).toList());
            }
            if (shown.isEmpty() == false) {
                indices.put(index, shown);
            }
        }
        return Map.of("granted", control.isGranted(), "indices", indices);
    }

    static Map<String, Object> parse(String text) throws Exception {
        try {
            RoleDescriptor descriptor = RoleDescriptor.parserBuilder()
                .allowRestriction(true)
                .allowDescription(true)
                .build()
                .parse("r", new BytesArray(text), XContentType.JSON);
            return Map.of("descriptor", XContentHelper.convertToMap(JsonXContent.jsonXContent, Strings.toString(descriptor), true));
        } catch (Exception e) {
            return causes(e);
        }
    }

    static Map<String, Object> query(String text) {
        try {
            String evaluated = SecurityQueryTemplateEvaluator.evaluateTemplate(text, null, null);
            DLSRoleQueryValidator.evaluateAndVerifyRoleQuery(evaluated, QUERIES);
            return Map.of();
        } catch (Exception e) {
            return causes(e);
        }
    }

    static Map<String, Object> causes(Exception exception) {
        List<List<String>> causes = new ArrayList<>();
        for (Throwable one = exception; one != null; one = one.getCause()) {
            causes.add(List.of(ElasticsearchException.getExceptionName(one), String.valueOf(one.getMessage())));
        }
        return Map.of("causes", causes);
    }

    @SuppressWarnings("unchecked")
    static Metadata cluster(Map<String, Object> call) {
        Metadata.Builder builder = Metadata.builder();
        for (Map.Entry<String, Object> index : ((Map<String, Object>) call.get("indices")).entrySet()) {
            IndexMetadata.Builder made = index(index.getKey(), false);
            ((List<String>) index.getValue()).forEach(alias -> made.putAlias(AliasMetadata.builder(alias)));
            builder.put(made);
        }
        for (Map.Entry<String, Object> stream : ((Map<String, Object>) call.get("streams")).entrySet()) {
            Map<String, List<String>> parts = (Map<String, List<String>>) stream.getValue();
            List<IndexMetadata> data = parts.get("data").stream().map(name -> index(name, true).build()).toList();
            List<IndexMetadata> failures = parts.get("failures").stream().map(name -> index(name, true).build()).toList();
            data.forEach(one -> builder.put(one, false));
            failures.forEach(one -> builder.put(one, false));
            builder.put(
                DataStream.builder(stream.getKey(), data.stream().map(IndexMetadata::getIndex).toList())
                    .setFailureIndices(
                        DataStream.DataStreamIndices.failureIndicesBuilder(failures.stream().map(IndexMetadata::getIndex).toList()).build()
                    )
                    .build()
            );
            parts.get("aliases").forEach(alias -> builder.put(alias, stream.getKey(), null, null));
        }
        return builder.build();
    }

    static IndexMetadata.Builder index(String name, boolean hidden) {
        return IndexMetadata.builder(name)
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
