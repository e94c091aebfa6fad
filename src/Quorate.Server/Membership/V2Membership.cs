using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Quorate.Server.Membership;

/// <summary>
/// The membership in the JSON form of etcd's second store, which snapshots carry: 3.4 and 3.5 take members and cluster version from it alone
/// (spec 04 §6.4, 05 §3).
/// </summary>
public sealed record V2Membership(IReadOnlyList<ClusterMember> Members, IReadOnlyList<ulong> Removed, Version? Version)
{
    private const string Never = "0001-01-01T00:00:00Z";

    public static V2Membership Of(ClusterView view) => new(view.Sorted, [.. view.Removed.Order()], view.Version);

    public byte[] ToJson() => Encoding.UTF8.GetBytes(MemberJson.Object(writer =>
    {
        writer.WritePropertyName("Root");
        Directory(writer, "/", () =>
        {
            writer.WritePropertyName("0");
            Directory(writer, "/0", () => WriteCluster(writer));
            writer.WritePropertyName("1");
            Directory(writer, "/1", () => { });
        });
        writer.WriteNumber("CurrentVersion", 2);
    }));

    /// <summary>Reads leniently: only what says something of the membership is looked at. <see cref="FormatException"/> for no JSON.</summary>
    public static V2Membership Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement? root = Child(document.RootElement.GetProperty("Root"), "0");
            var members = new List<ClusterMember>();
            foreach ((string id, JsonElement node) in Children(Child(root, "members")))
            {
                members.Add(ParseMember(ulong.Parse(id, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture), node));
            }

            ulong[] removed = [.. Children(Child(root, "removed_members"))
                .Select(child => ulong.Parse(child.Name, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture))];
            string version = Value(Child(root, "version"));
            return new V2Membership(members, removed, EtcdVersion.ParseMinor(version));
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException($"the snapshot's membership is malformed: {error.Message}", error);
        }
    }

    private static ClusterMember ParseMember(ulong id, JsonElement node)
    {
        using JsonDocument raft = JsonDocument.Parse(Value(Child(node, "raftAttributes")));
        string attributes = Value(Child(node, "attributes"));
        using JsonDocument published = JsonDocument.Parse(attributes.Length > 0 ? attributes : "{}");
        return new ClusterMember(id,
            MemberJson.Strings(raft.RootElement, "peerURLs"),
            MemberJson.String(published.RootElement, "name"),
            MemberJson.Strings(published.RootElement, "clientURLs"),
            raft.RootElement.TryGetProperty("isLearner", out JsonElement learner) && learner.GetBoolean());
    }

    private void WriteCluster(Utf8JsonWriter writer)
    {
        writer.WritePropertyName("members");
        Directory(writer, "/0/members", () =>
        {
            foreach (ClusterMember member in Members)
            {
                string path = $"/0/members/{member.HexId}";
                writer.WritePropertyName(member.HexId);
                Directory(writer, path, () =>
                {
                    Leaf(writer, path, "raftAttributes", MemberJson.RaftAttributes(member));
                    if (member.ClientUrls.Count > 0 || member.IsStarted)
                    {
                        Leaf(writer, path, "attributes", MemberJson.Attributes(member.Name, member.ClientUrls));
                    }
                });
            }
        });
        writer.WritePropertyName("removed_members");
        Directory(writer, "/0/removed_members", () =>
        {
            foreach (ulong id in Removed)
            {
                Leaf(writer, "/0/removed_members", id.ToString("x"), "");
            }
        });
        if (Version is not null)
        {
            Leaf(writer, "/0", "version", $"{Version.Major}.{Version.Minor}.0");
        }
    }

    private static void Directory(Utf8JsonWriter writer, string path, Action children)
    {
        Node(writer, path, "");
        writer.WriteStartObject("Children");
        children();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void Leaf(Utf8JsonWriter writer, string parent, string name, string value)
    {
        writer.WritePropertyName(name);
        Node(writer, $"{parent}/{name}", value);
        writer.WriteNull("Children");
        writer.WriteEndObject();
    }

    private static void Node(Utf8JsonWriter writer, string path, string value)
    {
        writer.WriteStartObject();
        writer.WriteString("Path", path);
        writer.WriteNumber("CreatedIndex", 0);
        writer.WriteNumber("ModifiedIndex", 0);
        writer.WriteString("ExpireTime", Never);
        writer.WriteString("Value", value);
    }

    private static JsonElement? Child(JsonElement? node, string name) =>
        node is { } element && element.TryGetProperty("Children", out JsonElement children) && children.ValueKind == JsonValueKind.Object
        && children.TryGetProperty(name, out JsonElement child)
            ? child
            : null;

    private static IEnumerable<(string Name, JsonElement Node)> Children(JsonElement? node) =>
        node is { } element && element.TryGetProperty("Children", out JsonElement children) && children.ValueKind == JsonValueKind.Object
            ? children.EnumerateObject().Select(property => (property.Name, property.Value))
            : [];

    private static string Value(JsonElement? node) =>
        node is { } element && element.TryGetProperty("Value", out JsonElement value) ? value.GetString() ?? "" : "";
}
