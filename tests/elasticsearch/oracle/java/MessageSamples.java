import java.lang.reflect.Method;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import org.elasticsearch.ElasticsearchStatusException;
import org.elasticsearch.action.fieldcaps.FieldCapabilities;
import org.elasticsearch.action.fieldcaps.FieldCapabilitiesFailure;
import org.elasticsearch.action.fieldcaps.FieldCapabilitiesIndexResponse;
import org.elasticsearch.action.fieldcaps.FieldCapabilitiesRequest;
import org.elasticsearch.action.fieldcaps.FieldCapabilitiesResponse;
import org.elasticsearch.action.fieldcaps.IndexFieldCapabilities;
import org.elasticsearch.common.io.stream.StreamInput;
import org.elasticsearch.common.io.stream.Writeable;
import org.elasticsearch.index.IndexMode;
import org.elasticsearch.index.mapper.TimeSeriesParams;
import org.elasticsearch.index.query.QueryBuilders;
import org.elasticsearch.protocol.xpack.XPackInfoRequest;
import org.elasticsearch.protocol.xpack.XPackInfoResponse;
import org.elasticsearch.protocol.xpack.license.LicenseStatus;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.tasks.TaskId;

/**
 * Writes the samples that the vectors hold, by the classes of 8.19.21:
 *   {"op":"write_exceptions"} -> {"samples":{name:{bytes, body, status, class}}}
 *   {"op":"write_headers"}    -> {"samples":{name:{kind, header}}}
 *   {"op":"write_messages"}   -> {"samples":{name:base64}}
 */
public class MessageSamples {
    public static void main(String[] args) throws Exception {
        MessageOracle.serve(call -> Map.of("samples", switch ((String) call.get("op")) {
            case "write_exceptions" -> exceptions();
            case "write_headers" -> HeaderSamples.all();
            case "write_messages" -> messages();
            default -> throw new IllegalArgumentException("op");
        }));
    }

    /** What a receiving node shows is what counts: classes that are not registered change on the way. */
    static Map<String, Object> exceptions() throws Exception {
        Map<String, Object> samples = new TreeMap<>();
        for (Map.Entry<String, Exception> entry : ExceptionSamples.all().entrySet()) {
            StreamInput in = MessageOracle.input(MessageOracle.bytes(out -> out.writeException(entry.getValue())));
            Map<String, Object> shown = MessageOracle.shown(in.readException());
            shown.put("bytes", MessageOracle.base64(MessageOracle.bytes(out -> out.writeException(entry.getValue()))));
            samples.put(entry.getKey(), shown);
        }
        return samples;
    }

    static <E extends Exception> E stackless(E exception) {
        for (Throwable each = exception; each != null; each = each.getCause()) {
            each.setStackTrace(new StackTraceElement[0]);
        }
        return exception;
    }

    static Map<String, String> messages() throws Exception {
        Map<String, String> samples = new LinkedHashMap<>();
        IndexFieldCapabilities keyword = field("k", "keyword", false, null, Map.of());
        IndexFieldCapabilities number = field("n", "long", true, TimeSeriesParams.MetricType.COUNTER, Map.of("unit", "ms"));
        IndexFieldCapabilities other = field("n", "double", false, TimeSeriesParams.MetricType.GAUGE, Map.of());
        Map<String, IndexFieldCapabilities> first = new LinkedHashMap<>(Map.of("k", keyword));
        first.put("n", number);
        Map<String, IndexFieldCapabilities> second = new LinkedHashMap<>(Map.of("n", other));
        second.put("k", keyword);
        FieldCapabilitiesFailure failure = new FieldCapabilitiesFailure(
            new String[] { "bad-1", "bad-2" },
            stackless(new ElasticsearchStatusException("broken", RestStatus.CONFLICT))
        );
        List<FieldCapabilitiesIndexResponse> responses = List.of(
            new FieldCapabilitiesIndexResponse("a-1", "hash-1", first, true, IndexMode.STANDARD),
            new FieldCapabilitiesIndexResponse("a-2", "hash-1", first, true, IndexMode.STANDARD),
            new FieldCapabilitiesIndexResponse("b-1", "hash-2", second, true, IndexMode.TIME_SERIES),
            new FieldCapabilitiesIndexResponse("c-1", null, second, true, IndexMode.LOGSDB),
            new FieldCapabilitiesIndexResponse("d-1", "hash-1", Map.of(), false, IndexMode.LOOKUP)
        );
        samples.put("field_caps_response:per index", MessageOracle.base64(MessageOracle.bytes(new FieldCapabilitiesResponse(responses, List.of(failure))::writeTo)));
        FieldCapabilities merged = new FieldCapabilities(
            "n", "long", false, true, false, true, TimeSeriesParams.MetricType.POSITION,
            new String[] { "a" }, new String[] { "b" }, new String[] { "c" }, new String[] { "d" }, new String[] { "e" },
            Map.of("unit", Set.of("ms"))
        );
        samples.put(
            "field_caps_response:merged",
            MessageOracle.base64(MessageOracle.bytes(new FieldCapabilitiesResponse(new String[] { "a", "b" }, Map.of("n", Map.of("long", merged)))::writeTo))
        );
        FieldCapabilitiesRequest caps = new FieldCapabilitiesRequest().fields("msg", "k*").indices("logs-*", "metrics");
        caps.setMergeResults(false);
        caps.includeUnmapped(true).filters("-metadata").types("keyword", "long").includeEmptyFields(false);
        caps.indexFilter(QueryBuilders.rangeQuery("ts").gte("now-1d"));
        caps.runtimeFields(Map.of("r", Map.of("type", "long")));
        samples.put("field_caps_request:filter", MessageOracle.base64(MessageOracle.bytes(caps::writeTo)));
        XPackInfoRequest info = new XPackInfoRequest();
        info.setVerbose(true);
        info.setCategories(EnumSet.of(XPackInfoRequest.Category.LICENSE, XPackInfoRequest.Category.FEATURES));
        info.setParentTask(new TaskId("node", 7));
        samples.put("info_request", MessageOracle.base64(MessageOracle.bytes(info::writeTo)));
        samples.put("info_response:license", MessageOracle.base64(MessageOracle.bytes(new XPackInfoResponse(
            null, new XPackInfoResponse.LicenseInfo("uid", "trial", "trial", LicenseStatus.ACTIVE, 1234567890123L), null)::writeTo)));
        samples.put("info_response:all", MessageOracle.base64(MessageOracle.bytes(new XPackInfoResponse(
            new XPackInfoResponse.BuildInfo("hash", "2026-01-01"),
            new XPackInfoResponse.LicenseInfo("uid", "basic", "basic", LicenseStatus.EXPIRED, 5L),
            new XPackInfoResponse.FeatureSetsInfo(Set.of(new XPackInfoResponse.FeatureSetsInfo.FeatureSet("ccr", true, false)))
        )::writeTo)));
        samples.put("ban_request:set", MessageOracle.base64(MessageOracle.bytes(ban(new TaskId("node", 12), true, "by user request")::writeTo)));
        samples.put("ban_request:lift", MessageOracle.base64(MessageOracle.bytes(ban(new TaskId("node", 12), false, null)::writeTo)));
        samples.putAll(TermsSamples.all());
        return samples;
    }

    static IndexFieldCapabilities field(String name, String type, boolean dimension, TimeSeriesParams.MetricType metric, Map<String, String> meta) {
        return new IndexFieldCapabilities(name, type, false, true, true, dimension, metric, meta);
    }

    static Writeable ban(TaskId task, boolean ban, String reason) throws Exception {
        Class<?> type = Class.forName("org.elasticsearch.tasks.TaskCancellationService$BanParentTaskRequest");
        Class<?>[] parameters = ban ? new Class<?>[] { TaskId.class, String.class, boolean.class } : new Class<?>[] { TaskId.class };
        Method create = type.getDeclaredMethod(ban ? "createSetBanParentTaskRequest" : "createRemoveBanParentTaskRequest", parameters);
        create.setAccessible(true);
        return (Writeable) (ban ? create.invoke(null, task, reason, true) : create.invoke(null, task));
    }
}
