import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import org.elasticsearch.ElasticsearchException;
import org.elasticsearch.ElasticsearchStatusException;
import org.elasticsearch.ExceptionsHelper;
import org.elasticsearch.TransportVersion;
import org.elasticsearch.action.fieldcaps.FieldCapabilities;
import org.elasticsearch.action.fieldcaps.FieldCapabilitiesFailure;
import org.elasticsearch.action.fieldcaps.FieldCapabilitiesIndexResponse;
import org.elasticsearch.action.fieldcaps.FieldCapabilitiesRequest;
import org.elasticsearch.action.fieldcaps.FieldCapabilitiesResponse;
import org.elasticsearch.action.fieldcaps.IndexFieldCapabilities;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.bytes.BytesArray;
import org.elasticsearch.common.bytes.BytesReference;
import org.elasticsearch.common.io.stream.BytesStreamOutput;
import org.elasticsearch.common.io.stream.NamedWriteableAwareStreamInput;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.io.stream.StreamInput;
import org.elasticsearch.common.io.stream.StreamOutput;
import org.elasticsearch.common.io.stream.Writeable;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.xcontent.XContentHelper;
import org.elasticsearch.cluster.ClusterModule;
import org.elasticsearch.index.IndexMode;
import org.elasticsearch.index.mapper.TimeSeriesParams;
import org.elasticsearch.index.query.QueryBuilders;
import org.elasticsearch.protocol.xpack.XPackInfoRequest;
import org.elasticsearch.protocol.xpack.XPackInfoResponse;
import org.elasticsearch.protocol.xpack.license.LicenseStatus;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.search.SearchModule;
import org.elasticsearch.tasks.TaskId;
import org.elasticsearch.xcontent.ToXContent;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.json.JsonXContent;
import org.elasticsearch.xpack.core.security.authc.Authentication;
import org.elasticsearch.xpack.core.security.authc.CrossClusterAccessSubjectInfo;

/**
 * Exceptions, security headers and messages, by Elasticsearch's own classes: a JSON object a line in, a JSON object a line out.
 *   {"op":"exception_table"}                             -> {"kinds":[{type, id, class, status, wrapper}]}
 *   {"op":"read_exception","bytes":base64}               -> {"body": what REST answers, "status": 404, "class": ..., "bytes": written again}
 *   {"op":"write_exceptions"}                            -> {"samples":{name:{bytes, body, status}}}
 *   {"op":"read_header","header":text,"kind":"authentication"|"subject_info"} -> {"header": written again, "text": toString}
 *   {"op":"write_headers"}                               -> {"samples":{name:{kind, header}}}
 *   {"op":"write_messages"}                              -> {"samples":{name:base64}}
 *   {"op":"read_message","class":name,"bytes":base64}    -> {"bytes": written again, "rest": unread bytes}
 */
public class MessageOracle {
    static {
        LogConfigurator.configureESLogging();
    }
    static final TransportVersion VERSION = TransportVersion.fromId(8841096);
    static final NamedWriteableRegistry WRITEABLES = registry();

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            Map<String, Object> answer;
            try {
                answer = answer(XContentHelper.convertToMap(JsonXContent.jsonXContent, line, false));
            } catch (Throwable e) {
                answer = Map.of("error", ExceptionsHelper.stackTrace(e));
            }
            System.out.println(Strings.toString(JsonXContent.contentBuilder().map(answer)));
        }
    }

    static Map<String, Object> answer(Map<String, Object> call) throws Exception {
        return switch ((String) call.get("op")) {
            case "exception_table" -> Map.of("kinds", exceptionTable());
            case "read_exception" -> {
                StreamInput in = input(call);
                Map<String, Object> shown = shown(in.readException());
                shown.put("rest", in.available());
                yield shown;
            }
            case "write_exceptions" -> {
                Map<String, Object> samples = new TreeMap<>();
                for (Map.Entry<String, Exception> entry : ExceptionSamples.all().entrySet()) {
                    // What a receiving node shows is what counts: classes that are not registered change on the way.
                    StreamInput in = input(bytes(out -> out.writeException(entry.getValue())));
                    Map<String, Object> shown = shown(in.readException());
                    shown.put("bytes", base64(bytes(out -> out.writeException(entry.getValue()))));
                    samples.put(entry.getKey(), shown);
                }
                yield Map.of("samples", samples);
            }
            case "read_header" -> {
                String header = (String) call.get("header");
                if (call.get("kind").equals("authentication")) {
                    byte[] bytes = Base64.getDecoder().decode(header);
                    StreamInput in = StreamInput.wrap(bytes);
                    in.setTransportVersion(TransportVersion.readVersion(in));
                    Authentication read = new Authentication(in);
                    yield Map.of("header", read.encode(), "text", read.toString());
                }
                CrossClusterAccessSubjectInfo read = CrossClusterAccessSubjectInfo.decode(header);
                yield Map.of("header", read.encode(), "text", read.toString());
            }
            case "write_headers" -> Map.of("samples", HeaderSamples.all());
            case "write_messages" -> Map.of("samples", messages());
            case "read_message" -> {
                StreamInput in = input(call);
                Writeable message = read((String) call.get("class"), in);
                yield Map.of("bytes", base64(bytes(message::writeTo)), "rest", in.available());
            }
            default -> throw new IllegalArgumentException("op");
        };
    }

    /** What a node shows over REST for an exception that it received, and the status that it answers with. */
    static Map<String, Object> shown(Exception exception) throws Exception {
        XContentBuilder builder = JsonXContent.contentBuilder().startObject();
        ElasticsearchException.generateFailureXContent(builder, ToXContent.EMPTY_PARAMS, exception, true);
        builder.endObject();
        Map<String, Object> shown = new TreeMap<>();
        shown.put("body", XContentHelper.convertToMap(JsonXContent.jsonXContent, Strings.toString(builder), true));
        shown.put("status", ExceptionsHelper.status(exception).getStatus());
        shown.put("class", exception.getClass().getName());
        return shown;
    }

    /** Every handle: a body of zeros behind an empty message is enough to make nearly each exception and to ask its status. */
    static List<Map<String, Object>> exceptionTable() throws Exception {
        ElasticsearchException.isRegistered(ElasticsearchException.class, VERSION); // its initializer must run before that of the handles
        Class<?> handles = Class.forName("org.elasticsearch.ElasticsearchException$ElasticsearchExceptionHandle");
        Field id = handles.getDeclaredField("id");
        Field type = handles.getDeclaredField("exceptionClass");
        id.setAccessible(true);
        type.setAccessible(true);
        List<Map<String, Object>> kinds = new ArrayList<>();
        for (Object handle : handles.getEnumConstants()) {
            Class<?> exceptionClass = (Class<?>) type.get(handle);
            Map<String, Object> kind = new TreeMap<>();
            kind.put("id", id.getInt(handle));
            kind.put("class", exceptionClass.getName());
            kind.put("wrapper", org.elasticsearch.ElasticsearchWrapperException.class.isAssignableFrom(exceptionClass));
            try {
                StreamInput zeros = StreamInput.wrap(new byte[64]);
                zeros.setTransportVersion(VERSION);
                ElasticsearchException made = ElasticsearchException.readException(zeros, id.getInt(handle));
                kind.put("type", ElasticsearchException.getExceptionName(made));
                kind.put("status", made.status().getStatus());
            } catch (Exception e) {
                kind.put("unmade", e.toString());
            }
            kinds.add(kind);
        }
        return kinds;
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
        samples.put("field_caps_response:per index", base64(bytes(new FieldCapabilitiesResponse(responses, List.of(failure))::writeTo)));
        FieldCapabilities merged = new FieldCapabilities(
            "n", "long", false, true, false, true, TimeSeriesParams.MetricType.POSITION,
            new String[] { "a" }, new String[] { "b" }, new String[] { "c" }, new String[] { "d" }, new String[] { "e" },
            Map.of("unit", Set.of("ms"))
        );
        samples.put(
            "field_caps_response:merged",
            base64(bytes(new FieldCapabilitiesResponse(new String[] { "a", "b" }, Map.of("n", Map.of("long", merged)))::writeTo))
        );
        FieldCapabilitiesRequest caps = new FieldCapabilitiesRequest().fields("msg", "k*").indices("logs-*", "metrics");
        caps.setMergeResults(false);
        caps.includeUnmapped(true).filters("-metadata").types("keyword", "long").includeEmptyFields(false);
        caps.indexFilter(QueryBuilders.rangeQuery("ts").gte("now-1d"));
        caps.runtimeFields(Map.of("r", Map.of("type", "long")));
        samples.put("field_caps_request:filter", base64(bytes(caps::writeTo)));
        XPackInfoRequest info = new XPackInfoRequest();
        info.setVerbose(true);
        info.setCategories(EnumSet.of(XPackInfoRequest.Category.LICENSE, XPackInfoRequest.Category.FEATURES));
        info.setParentTask(new TaskId("node", 7));
        samples.put("info_request", base64(bytes(info::writeTo)));
        samples.put("info_response:license", base64(bytes(new XPackInfoResponse(
            null, new XPackInfoResponse.LicenseInfo("uid", "trial", "trial", LicenseStatus.ACTIVE, 1234567890123L), null)::writeTo)));
        samples.put("info_response:all", base64(bytes(new XPackInfoResponse(
            new XPackInfoResponse.BuildInfo("hash", "2026-01-01"),
            new XPackInfoResponse.LicenseInfo("uid", "basic", "basic", LicenseStatus.EXPIRED, 5L),
            new XPackInfoResponse.FeatureSetsInfo(Set.of(new XPackInfoResponse.FeatureSetsInfo.FeatureSet("ccr", true, false)))
        )::writeTo)));
        samples.put("ban_request:set", base64(bytes(ban(new TaskId("node", 12), true, "by user request")::writeTo)));
        samples.put("ban_request:lift", base64(bytes(ban(new TaskId("node", 12), false, null)::writeTo)));
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

    /** Reads by the constructor or the static method that takes a StreamInput. */
    static Writeable read(String name, StreamInput in) throws Exception {
        Class<?> type = Class.forName(name);
        try {
            Constructor<?> constructor = type.getDeclaredConstructor(StreamInput.class);
            constructor.setAccessible(true);
            return (Writeable) constructor.newInstance(in);
        } catch (NoSuchMethodException e) {
            Method method = type.getDeclaredMethod("readFrom", StreamInput.class);
            method.setAccessible(true);
            return (Writeable) method.invoke(null, in);
        }
    }

    static Exception stackless(Exception exception) {
        for (Throwable each = exception; each != null; each = each.getCause()) {
            each.setStackTrace(new StackTraceElement[0]);
        }
        return exception;
    }

    interface Writing {
        void write(StreamOutput out) throws Exception;
    }

    static BytesReference bytes(Writing writing) throws Exception {
        BytesStreamOutput out = new BytesStreamOutput();
        out.setTransportVersion(VERSION);
        writing.write(out);
        return out.bytes();
    }

    static String base64(BytesReference bytes) {
        return Base64.getEncoder().encodeToString(BytesReference.toBytes(bytes));
    }

    static StreamInput input(Map<String, Object> call) throws Exception {
        return input(new BytesArray(Base64.getDecoder().decode((String) call.get("bytes"))));
    }

    static StreamInput input(BytesReference bytes) throws Exception {
        StreamInput in = new NamedWriteableAwareStreamInput(bytes.streamInput(), WRITEABLES);
        in.setTransportVersion(VERSION);
        return in;
    }

    static NamedWriteableRegistry registry() {
        List<NamedWriteableRegistry.Entry> entries = new ArrayList<>(new SearchModule(Settings.EMPTY, List.of()).getNamedWriteables());
        entries.addAll(ClusterModule.getNamedWriteables());
        return new NamedWriteableRegistry(entries);
    }
}
