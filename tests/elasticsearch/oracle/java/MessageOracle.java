import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import org.elasticsearch.ElasticsearchException;
import org.elasticsearch.ExceptionsHelper;
import org.elasticsearch.TransportVersion;
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
import org.elasticsearch.search.SearchModule;
import org.elasticsearch.xcontent.ToXContent;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.json.JsonXContent;
import org.elasticsearch.xpack.core.security.authc.Authentication;
import org.elasticsearch.xpack.core.security.authc.CrossClusterAccessSubjectInfo;

/**
 * Reads exceptions, security headers and messages by Elasticsearch's own classes: a JSON object a line in, a JSON object a line out.
 *   {"op":"exception_table"}                             -> {"kinds":[{type, id, class, status, wrapper}]}
 *   {"op":"read_exception","bytes":base64}               -> {"body": what REST answers, "status": 404, "class": ..., "rest": unread bytes}
 *   {"op":"read_header","header":text,"kind":"authentication"|"subject_info"} -> {"header": written again, "text": toString}
 *   {"op":"read_message","class":name,"bytes":base64}    -> {"bytes": written again, "rest": unread bytes}
 */
public class MessageOracle {
    static {
        LogConfigurator.configureESLogging();
    }
    static final TransportVersion VERSION = TransportVersion.fromId(8841096);
    static final NamedWriteableRegistry WRITEABLES = registry();

    public static void main(String[] args) throws Exception {
        serve(MessageOracle::answer);
    }

    interface Answering {
        Map<String, Object> answer(Map<String, Object> call) throws Exception;
    }

    static void serve(Answering answering) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            Map<String, Object> answer;
            try {
                answer = answering.answer(XContentHelper.convertToMap(JsonXContent.jsonXContent, line, false));
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
