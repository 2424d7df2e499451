import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.apache.lucene.util.automaton.Automaton;
import org.apache.lucene.util.automaton.CharacterRunAutomaton;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.xcontent.XContentHelper;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.json.JsonXContent;
import org.elasticsearch.xpack.core.security.authz.accesscontrol.FieldSubsetReader;
import org.elasticsearch.xpack.core.security.authz.permission.FieldPermissions;
import org.elasticsearch.xpack.core.security.authz.permission.FieldPermissionsDefinition;
import org.elasticsearch.xpack.core.security.authz.permission.FieldPermissionsDefinition.FieldGrantExcludeGroup;
import org.elasticsearch.xpack.core.security.support.Automatons;

/**
 * What field-level security leaves of a source: a JSON object a line in, one out.
 *   {"sets": [[{"grant": […] or null, "except": […]}, …], …], "sources": […]} -> {"sources": what is left of each} or {"refused": why}
 */
public class SourceRuleOracle {
    static {
        LogConfigurator.configureESLogging();
    }

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            Map<String, Object> call = XContentHelper.convertToMap(JsonXContent.jsonXContent, line, true);
            Map<String, Object> answer;
            try {
                answer = Map.of("sources", left(call));
            } catch (Exception error) {
                answer = Map.of("refused", String.valueOf(error.getMessage()));
            }
            System.out.println(Strings.toString(JsonXContent.contentBuilder().map(answer)));
            System.out.flush();
        }
    }

    @SuppressWarnings("unchecked")
    private static List<Object> left(Map<String, Object> call) throws Exception {
        Automaton fields = null;
        for (List<Map<String, Object>> set : (List<List<Map<String, Object>>>) call.get("sets")) {
            Set<FieldGrantExcludeGroup> groups = new HashSet<>();
            for (Map<String, Object> rule : set) {
                groups.add(new FieldGrantExcludeGroup(words(rule.get("grant")), words(rule.get("except"))));
            }
            Automaton one = FieldPermissions.initializePermittedFieldsAutomaton(new FieldPermissionsDefinition(groups));
            fields = fields == null ? one : Automatons.intersectAndMinimize(fields, one);
        }
        CharacterRunAutomaton running = new CharacterRunAutomaton(fields);
        Method filter = FieldSubsetReader.class.getDeclaredMethod("filter", Map.class, CharacterRunAutomaton.class, int.class);
        filter.setAccessible(true);
        List<Object> shown = new java.util.ArrayList<>();
        for (Object source : (List<Object>) call.get("sources")) {
            shown.add(filter.invoke(null, source, running, 0));
        }
        return shown;
    }

    @SuppressWarnings("unchecked")
    private static String[] words(Object list) {
        return list == null ? null : ((List<String>) list).toArray(String[]::new);
    }
}
