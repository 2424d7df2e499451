import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Map;

import org.elasticsearch.TransportVersion;
import org.elasticsearch.common.Strings;
import org.elasticsearch.common.bytes.BytesArray;
import org.elasticsearch.common.bytes.BytesReference;
import org.elasticsearch.common.io.stream.BytesStreamOutput;
import org.elasticsearch.common.io.stream.NamedWriteableAwareStreamInput;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.io.stream.StreamInput;
import org.elasticsearch.common.io.stream.Writeable;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.xcontent.XContentHelper;
import org.elasticsearch.search.SearchModule;
import org.elasticsearch.xcontent.NamedXContentRegistry;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;
import org.elasticsearch.xcontent.XContentParserConfiguration;
import org.elasticsearch.xcontent.XContentType;
import org.elasticsearch.xcontent.json.JsonXContent;

/** What programs about searches share: the search module's registries, a line of JSON for a line of JSON, messages as bytes. */
final class Searching {
    static {
        LogConfigurator.configureESLogging();
    }
    private static final SearchModule SEARCH = new SearchModule(Settings.EMPTY, List.of());
    private static final NamedWriteableRegistry WRITEABLES = new NamedWriteableRegistry(SEARCH.getNamedWriteables());
    private static final NamedXContentRegistry XCONTENTS = new NamedXContentRegistry(SEARCH.getNamedXContents());
    private static final XContentParserConfiguration PARSING = XContentParserConfiguration.EMPTY.withRegistry(XCONTENTS);

    interface Answering {
        void answer(Map<String, Object> call, XContentBuilder answer) throws Exception;
    }

    /** Answers each line that is read; an exception is the answer's "error". */
    static void serve(Answering answering) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;) {
            XContentBuilder answer = JsonXContent.contentBuilder().startObject();
            try {
                answering.answer(XContentHelper.convertToMap(JsonXContent.jsonXContent, line, true), answer);
            } catch (Throwable e) {
                answer = JsonXContent.contentBuilder().startObject().field("error", String.valueOf(e));
            }
            System.out.println(Strings.toString(answer.endObject()));
        }
    }

    static XContentParser parser(Object body) throws Exception {
        return XContentHelper.createParserNotCompressed(PARSING, new BytesArray((String) body), XContentType.JSON);
    }

    static BytesReference write(Writeable message, TransportVersion version) throws Exception {
        BytesStreamOutput out = new BytesStreamOutput();
        out.setTransportVersion(version);
        message.writeTo(out);
        return out.bytes();
    }

    static StreamInput input(BytesReference bytes, TransportVersion version) throws Exception {
        StreamInput in = new NamedWriteableAwareStreamInput(bytes.streamInput(), WRITEABLES);
        in.setTransportVersion(version);
        return in;
    }

    static BytesReference bytes(Object base64) {
        return new BytesArray(Base64.getDecoder().decode((String) base64));
    }

    static String base64(BytesReference bytes) {
        return Base64.getEncoder().encodeToString(BytesReference.toBytes(bytes));
    }
}
